"""Calls of small models: what they get wrong is repaired where it has one reading, and never otherwise."""

import json
from collections.abc import Callable
from typing import cast

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.tool_schemas.tools import TOOLS

from anyclaude.protocol.json_values import JsonObject, JsonValue
from anyclaude.protocol.messages_request import Tool
from anyclaude.tool_schemas import CheckedCall, OfferedTools, wire_name

OFFERED = OfferedTools(TOOLS)
SCHEMAS = {tool.name: tool.input_schema or {} for tool in TOOLS}


@pytest.mark.parametrize(
    ("tool", "written", "meant"),
    [
        ("Read", '{"path": "/a"}', {"file_path": "/a"}),
        ("Read", '{"filename": "/a", "limit": "10"}', {"file_path": "/a", "limit": 10}),
        ("Read", "{'file_path': '/a', 'offset': None}", {"file_path": "/a"}),
        ("Read", '{"name": "Read", "arguments": {"file_path": "/a"}}', {"file_path": "/a"}),
        ("Read", '{"parameters": "{\\"path\\": \\"/a\\"}"}', {"file_path": "/a"}),
        ("Read", '{"file_path": "/a"}}', {"file_path": "/a"}),
        ("Read", '{"file_path": "/a"', {"file_path": "/a"}),
        ("Read", '{"file_path": "/a", "description": ""}', {"file_path": "/a"}),
        ("Read", '{"file_path": "/a", "limit": "", "offset": "null"}', {"file_path": "/a"}),
        ("Read", '"{\\"file_path\\": \\"/a\\"}"', {"file_path": "/a"}),
        ("Bash", '{"cmd": "ls", "timeout": "5000"}', {"command": "ls", "timeout": 5000}),
        ("Bash", '{"command": "ls", "run_in_background": "False"}', {"command": "ls", "run_in_background": False}),
        ("Bash", '{"command": "ls", "runInBackground": true}', {"command": "ls", "run_in_background": True}),
        ("Bash", '{"command": "echo "hi""}', {"command": 'echo "hi"'}),
        ("Bash", '{"command": "cat <<EOF\nx\nEOF"}', {"command": "cat <<EOF\nx\nEOF"}),
        ("Bash", r'{"command": "grep -E \"\d+\" x"}', {"command": r'grep -E "\d+" x'}),
        ("Bash", '{"command": "ls", // list\n}', {"command": "ls"}),
        ("Edit", '{"path": "/a", "old_str": "x", "new_str": "y"}',
         {"file_path": "/a", "old_string": "x", "new_string": "y"}),
        ("Edit", '{"filePath": "/a", "oldString": "x", "newString": "", "replaceAll": "true"}',
         {"file_path": "/a", "old_string": "x", "new_string": "", "replace_all": True}),
        ("MultiEdit", '{"file_path": "/a", "edits": {"old": "x", "new": "y"}}',
         {"file_path": "/a", "edits": [{"old_string": "x", "new_string": "y"}]}),
        ("MultiEdit", '{"file_path": "/a", "edits": "[{\'old_string\': \'x\', \'new_string\': \'y\'}]"}',
         {"file_path": "/a", "edits": [{"old_string": "x", "new_string": "y"}]}),
        ("Write", '{"file": "/a", "text": "x"}', {"file_path": "/a", "content": "x"}),
        ("Write", '{"file_path": "/a", "content": """def f():\n    "doc"\n"""}',
         {"file_path": "/a", "content": 'def f():\n    "doc"\n'}),
        ("Write", '{"file_path": "/a", "content": 5}', {"file_path": "/a", "content": "5"}),
        ("Grep", '{"query": "x", "directory": "/a", "output_mode": "Count"}',
         {"pattern": "x", "path": "/a", "output_mode": "count"}),
        ("Grep", '{"pattern": "x", "-n": "true", "head_limit": "5"}', {"pattern": "x", "-n": True, "head_limit": 5}),
        ("TodoWrite", '{"todos": [{"content": "a", "status": "Pending", "active_form": "b"}]}',
         {"todos": [{"content": "a", "status": "pending", "activeForm": "b"}]}),
        ("WebSearch", '{"query": "x y", "allowed_domains": "a.org"}', {"query": "x y", "allowed_domains": ["a.org"]}),
        ("TaskList", "", {}),
        ("TaskList", "null", {}),
        ("TaskList", '{"filter": null}', {}),
        ("mcp__git__create_issue", '{"title": "t", "labels": "bug"}', {"title": "t", "labels": ["bug"]}),
        ("mcp__git__create_issue", '{"title": "t", "place": {"line": "3"}}', {"title": "t", "place": {"line": 3}}),
        ("mcp__git__create_issue", '{"title": "t", "count": "None"}', {"title": "t", "count": None}),
    ],
)  # fmt: skip
def test_a_mistake_with_one_reading_is_repaired(tool: str, written: str, meant: JsonObject) -> None:
    call = OFFERED.checked(tool, written)

    assert call.problem == ""
    assert (call.name, json.loads(call.arguments), call.is_valid) == (tool, meant, True)
    assert bool(call.changes) == bool(written)


@pytest.mark.parametrize(
    ("tool", "written", "problem"),
    [
        ("Read", "{}", "`file_path` is missing"),
        ("Read", "", "`file_path` is missing"),
        ("Read", '{"file_path": ["/a", "/b"]}', "`file_path` must be of type string, not array"),
        ("Read", '{"path": "/a", "file": "/b"}', "is missing"),
        ("Read", '{"file_path": "/a", "path": "/b"}', "`path` is unknown"),
        ("Read", '{"file_path": "/a", "lines": 5}', "`lines` is unknown"),
        ("Read", '{"file_path": "/a", "limit": "all"}', "`limit` must be of type number, not string"),
        ("Read", '{"name": "Bash", "arguments": {"file_path": "/a"}}', "is missing"),
        ("Read", '[{"file_path": "/a"}]', "not a JSON object"),
        ("Read", '{"file_path": "/a"} and then', "cannot be read"),
        ("Bash", '{"command": "rm -rf /tmp/x', "ends inside a string"),
        ("Bash", '{"command": "echo "a" > b', "cannot be read"),
        ("Bash", '{"command": ["ls", "-la"]}', "`command` must be of type string, not array"),
        ("Bash", '{"command": "ls", "timeout": NaN}', "cannot be read"),
        ("Bash", '{"command": "ls", "timeout": 1e999}', "cannot be read"),
        ("Bash", '{"command": "ls", "command": "rm"', "cannot be read"),
        ("Bash", r'{"command": "type C:\Users\new"}', "cannot be read"),
        ("Bash", '{"command": ls}', "cannot be read"),
        ("Write", '{"file_path": "/a", "content": {"a": 1}}', "`content` must be of type string, not object"),
        ("Write", '{"file_path": "/a", "content": ["x", "y"]}', "`content` must be of type string, not array"),
        ("Write", '{"file_path": "/a", "content": null}', "`content` must be of type string, not null"),
        ("Write", '{"file_path": "/a", "content": "x', "ends inside a string"),
        ("Edit", '{"file_path": "/a", "old": "x", "old_str": "y", "new_string": "z"}', "`old_string` is missing"),
        ("Grep", '{"pattern": "x", "output_mode": "lines"}', "`output_mode` must be one of"),
        ("TodoWrite", '{"todos": [{"content": "a", "status": "pending"}]}', "`todos[0].activeForm` is missing"),
        ("WebSearch", '{"query": "x y", "allowed_domains": "a.org, b.org"}', "must be of type array"),
        ("mcp__git__create_issue", '{"title": "t", "place": {}}', "`place.line` is missing"),
    ],
)
def test_what_has_no_reading_or_several_stays_as_the_model_wrote_it(tool: str, written: str, problem: str) -> None:
    call = OFFERED.checked(tool, written)

    assert problem in call.problem
    assert call == CheckedCall(tool, written, is_valid=False, problem=call.problem)


texts = st.text(st.sampled_from("ab \n\t'\",:{}[]/#é🙂"), max_size=8)
ANY: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)
OBJECTS = st.dictionaries(texts, ANY, max_size=2)


def values_of(schema: JsonObject, root: JsonObject) -> st.SearchStrategy[JsonValue]:
    """Return the values that fit a schema of the tools' kinds."""
    match schema:
        case {"$ref": str(reference)}:
            definitions = cast(JsonObject, root["$defs"])
            return values_of(cast(JsonObject, definitions[reference.rpartition("/")[2]]), root)
        case {"anyOf": [*options]}:
            return st.one_of(*(values_of(cast(JsonObject, option), root) for option in options))
        case {"enum": [*choices]}:
            return st.sampled_from(choices)
        case {"type": [*types]}:
            return st.one_of(*(values_of({"type": one}, root) for one in types))
        case {"type": "object", "properties": dict(properties)}:
            return objects_of(schema, properties, root)
        case {"type": "array", "items": dict(items)}:
            return st.lists(values_of(items, root), min_size=cast(int, schema.get("minItems", 0)), max_size=2)
        case {"type": "string"}:
            return texts.filter(lambda text: len(text) >= cast(int, schema.get("minLength", 0)))
    plain: dict[JsonValue, st.SearchStrategy[JsonValue]] = {
        "object": OBJECTS,
        "boolean": st.booleans(),
        "integer": st.integers(-(10**9), 10**9),
        "number": st.integers(-(10**9), 10**9) | st.floats(-1e9, 1e9),
        "null": st.none(),
    }
    return plain[schema["type"]]


def objects_of(schema: JsonObject, properties: JsonObject, root: JsonObject) -> st.SearchStrategy[JsonValue]:
    """Return the objects that fit a schema, with and without what is optional."""
    required = cast(list[str], schema.get("required", []))
    drawn = {name: values_of(cast(JsonObject, part), root) for name, part in properties.items()}
    return st.fixed_dictionaries(
        {name: drawn[name] for name in required},
        optional={name: drawn[name] for name in drawn if name not in required},
    )


REAL = st.sampled_from(TOOLS)
TYPES: list[JsonObject] = [
    {"type": "string"},
    {"type": "number"},
    {"type": "integer"},
    {"type": "boolean"},
    {"type": ["string", "null"]},
    {"type": "object"},
    {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "string"}}]},
    {"type": "string", "enum": ["one", "two_three"]},
]
NAMES = ["file_path", "path", "command", "content", "maxItems", "text", "arguments", "x"]


@st.composite
def object_schemas(draw: st.DrawFn, depth: int = 2) -> JsonObject:
    """Draw the schema of an object, whose properties may be objects and arrays in turn."""
    inner = object_schemas(depth - 1) if depth else st.sampled_from(TYPES)
    arrays = inner.map(lambda items: {"type": "array", "items": items})
    properties = draw(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(TYPES) | inner | arrays, max_size=4))
    required = draw(st.lists(st.sampled_from(sorted(properties)), unique=True)) if properties else []
    closed = {"additionalProperties": False} if draw(st.booleans()) else {}
    return {"type": "object", "properties": properties, "required": required, **closed}


GENERATED = object_schemas().map(lambda schema: Tool("Made", input_schema=schema))


@st.composite
def valid_calls(draw: st.DrawFn) -> tuple[Tool, JsonObject]:
    """Draw a tool, real or made up, and arguments that fit it."""
    tool = draw(REAL | GENERATED)
    schema = tool.input_schema or {}
    return tool, cast(JsonObject, draw(values_of(schema, schema)))


FORMATS = st.fixed_dictionaries(
    {"indent": st.sampled_from([None, 0, 2]), "ensure_ascii": st.booleans(),
     "separators": st.sampled_from([None, (",", ":"), (" , ", " : ")])}
)  # fmt: skip


@given(valid_calls(), FORMATS)
def test_a_valid_call_is_returned_as_it_was_written(drawn: tuple[Tool, JsonObject], form: dict[str, object]) -> None:
    tool, arguments = drawn
    written = json.dumps(arguments, **form)  # type: ignore[arg-type]

    assert OfferedTools([tool]).checked(tool.name, written) == CheckedCall(tool.name, written)


def misspelled(draw: st.DrawFn, value: JsonValue) -> JsonValue:
    """Draw a value as a small model may write it: other types, other keys, too much and too little."""
    slip = draw(st.integers(0, 9))
    match value:
        case _ if slip == 0:
            return json.dumps(value)
        case _ if slip == 1:
            return [value]
        case _ if slip == 2:
            return str(value)
        case _ if slip == 3:
            return draw(ANY)
        case list():
            return value[0] if len(value) == 1 and slip == 4 else [misspelled(draw, item) for item in value]
        case dict():
            keys = {key: draw(st.sampled_from([key, key, key.replace("_", ""), key.upper(), "path"])) for key in value}
            extra: JsonObject = draw(st.sampled_from([{}, {}, {"extra": None}, {"note": "x"}]))
            return {**{keys[key]: misspelled(draw, item) for key, item in value.items()}, **extra}
        case str() if slip == 5:
            return value.upper()
        case _:
            return value


@st.composite
def spoiled_calls(draw: st.DrawFn) -> tuple[Tool, str]:
    """Draw a tool and arguments with slips of all kinds, in the values and in the syntax."""
    tool, arguments = draw(valid_calls())
    value = misspelled(draw, arguments)
    text = draw(st.sampled_from([json.dumps, repr, lambda value: json.dumps(json.dumps(value))]))(value)
    edit = draw(st.sampled_from(["none", "none", "cut", "insert", "delete"]))
    at = draw(st.integers(0, len(text)))
    match edit:
        case "cut":
            return tool, text[:at]
        case "insert":
            return tool, text[:at] + draw(st.sampled_from([",", "}", '"', "\\", "\n", "'"])) + text[at:]
        case "delete":
            return tool, text[:at] + text[at + 1 :]
        case _:
            return tool, text


@given(spoiled_calls())
def test_a_repaired_call_is_valid_and_is_not_repaired_again(drawn: tuple[Tool, str]) -> None:
    tool, written = drawn
    offered = OfferedTools([tool])

    call = offered.checked(tool.name, written)

    if not call.is_valid:
        assert call == CheckedCall(tool.name, written, is_valid=False, problem=call.problem)
        assert call.problem
        return
    jsonschema.Draft202012Validator(dict(tool.input_schema or {})).validate(json.loads(call.arguments))
    assert offered.checked(tool.name, call.arguments) == CheckedCall(tool.name, call.arguments)
    assert call.changes or call.arguments == written or not written.strip()


SPELLINGS = st.sampled_from(
    [repr, lambda value: json.dumps(value)[:-1] + ",}", lambda value: json.dumps(json.dumps(value)),
     lambda value: json.dumps({"arguments": value}), lambda value: json.dumps({"name": "Made", "input": repr(value)}),
     lambda value: json.dumps(value) + "}", lambda value: json.dumps(value).replace("\\n", "\n")]
)  # fmt: skip


def strict(schema: JsonObject) -> Tool:
    """Return a tool with a schema that refuses every argument but its own, and requires one."""
    own = {name: part for name, part in cast(JsonObject, schema["properties"]).items() if name != "arguments"}
    properties: JsonObject = {"some_argument": {"type": "string"}, **own}
    return Tool("Made", input_schema={**schema, "properties": properties, "required": [*properties][:1],
                                      "additionalProperties": False})  # fmt: skip


def arguments_of(tool: Tool) -> st.SearchStrategy[tuple[Tool, JsonValue]]:
    """Return the tool with arguments that fit it."""
    schema = tool.input_schema or {}
    return st.tuples(st.just(tool), values_of(schema, schema))


@given(object_schemas().map(strict).flatmap(arguments_of), SPELLINGS)
def test_a_slip_in_the_syntax_loses_nothing(
    drawn: tuple[Tool, JsonObject], spelling: Callable[[JsonObject], str]
) -> None:
    tool, arguments = drawn

    call = OfferedTools([tool]).checked("Made", spelling(arguments))

    assert call.is_valid
    assert json.loads(call.arguments) == arguments


@given(valid_calls(), st.data())
def test_a_call_that_was_cut_is_never_filled_up(drawn: tuple[Tool, JsonObject], data: st.DataObject) -> None:
    tool, arguments = drawn
    written = json.dumps(arguments)
    part = written[: data.draw(st.integers(1, len(written)))]

    call = OfferedTools([tool]).checked(tool.name, part)

    if call.is_valid:
        assert json.dumps(json.loads(call.arguments)).rstrip("]}") == part.rstrip("]}")


NASTY = (
    st.text(max_size=30) | st.text(st.characters(codec=None), max_size=10) | st.text(st.sampled_from("[{\"'}]:,1e9"))
)


@given(NASTY, st.sampled_from([*SCHEMAS, "Unknown"]))
def test_no_text_raises(written: str, tool: str) -> None:
    call = OFFERED.checked(tool, written)

    assert call.is_valid or (call.arguments == written and call.problem)


@pytest.mark.parametrize(
    "written",
    [
        "[" * 1_000_000,
        '{"command":' * 100_000,
        '{"command": "' + "x" * 1_000_000,
        '{"command": "ls", "timeout": ' + "9" * 10_000 + "}",
        '{"command": "ls", "timeout": "' + "9" * 10_000 + '"}',
        '{"command": "\ud800"}',
        '{"command": "ls", "timeout": ' + "[" * 120 + "]" * 120 + "}",
        '{"command": 123456789012345678901234567890}',
        '{"todos": 123456789012345678901234567890}',
        '{"title": "t", "labels": [123456789012345678901234567890], "count": 1e30}',
        "<" * 1_000_000,
        '"' * 10_001,
        "\\" * 10_001,
        "/*" * 100_000,
        "{" + "'a'," * 10_000,
        json.dumps({"todos": [{"content": 1}] * 5_000}),
    ],
)
@pytest.mark.parametrize("tool", ["Bash", "TodoWrite", "mcp__git__create_issue"])
def test_no_extreme_text_raises(written: str, tool: str) -> None:
    call = OFFERED.checked(tool, written)

    assert call.is_valid or (call.arguments == written and call.problem)


@pytest.mark.parametrize(
    ("tool", "parameters", "meant"),
    [
        ("Read", {"file_path": "/a", "limit": "5"}, {"file_path": "/a", "limit": 5}),
        ("Read", {"path": "/a", "limit": "\n5\n"}, {"file_path": "/a", "limit": 5}),
        ("Write", {"file_path": "5", "content": "\n{'a': True}\n"}, {"file_path": "5", "content": "\n{'a': True}\n"}),
        ("Write", {"file_path": "/a", "content": "null"}, {"file_path": "/a", "content": "null"}),
        ("Bash", {"command": "true", "run_in_background": "True"}, {"command": "true", "run_in_background": True}),
        ("Bash", {"cmd": "5"}, {"command": "5"}),
        ("Bash", {"command": "a", "timeout": "None"}, {"command": "a"}),
        ("MultiEdit", {"file_path": "/a", "edits": "[{'old_string': '1', 'new_string': '2'}]"},
         {"file_path": "/a", "edits": [{"old_string": "1", "new_string": "2"}]}),
        ("WebSearch", {"query": "[1]", "allowed_domains": "a.org"}, {"query": "[1]", "allowed_domains": ["a.org"]}),
        ("WebSearch", {"query": "12", "allowed_domains": '["a.org", "b.org"]'},
         {"query": "12", "allowed_domains": ["a.org", "b.org"]}),
        ("Grep", {"pattern": "x", "output_mode": "Content"}, {"pattern": "x", "output_mode": "content"}),
        ("mcp__git__create_issue", {"title": "1", "body": "null", "count": "7"},
         {"title": "1", "body": None, "count": 7}),
        ("mcp__git__create_issue", {"title": "1", "body": "7", "extra": '{"a": 1}'},
         {"title": "1", "body": "7", "extra": {"a": 1}}),
        ("TaskList", {}, {}),
    ],
)  # fmt: skip
def test_the_schema_decides_the_type_of_parameters(tool: str, parameters: dict[str, str], meant: JsonObject) -> None:
    call = OFFERED.checked_parameters(tool, parameters)

    assert (json.loads(call.arguments), call.is_valid) == (meant, True)


@pytest.mark.parametrize(
    ("tool", "parameters", "problem"),
    [
        ("Read", {"limit": "5"}, "`file_path` is missing"),
        ("Read", {"file_path": "/a", "limit": "five"}, "`limit` must be of type number, not string"),
        ("MultiEdit", {"file_path": "/a", "edits": '[{"old_string": "a'}, "`edits` must be of type array, not string"),
    ],
)
def test_parameters_that_do_not_fit_are_kept(tool: str, parameters: dict[str, str], problem: str) -> None:
    call = OFFERED.checked_parameters(tool, parameters)

    assert (call.is_valid, call.problem, json.loads(call.arguments).keys()) == (False, problem, parameters.keys())


PLAIN = ("Read", "Bash", "Edit", "Write", "Glob")


@given(st.sampled_from([tool for tool in TOOLS if tool.name in PLAIN]).flatmap(arguments_of))
def test_plain_parameters_keep_their_values(drawn: tuple[Tool, JsonObject]) -> None:
    tool, arguments = drawn
    parameters = {name: value if isinstance(value, str) else json.dumps(value) for name, value in arguments.items()}

    call = OFFERED.checked_parameters(tool.name, parameters)

    assert call.is_valid
    assert json.loads(call.arguments) == arguments


@given(
    st.dictionaries(st.sampled_from(["file_path", "edits", "todos", "path", "limit", "\ud800"]), NASTY, max_size=3),
    st.sampled_from([*SCHEMAS, "Unknown"]),
)
def test_no_parameters_raise(parameters: dict[str, str], tool: str) -> None:
    call = OFFERED.checked_parameters(tool, parameters)

    assert json.loads(call.arguments) is not None
    assert call.is_valid or call.problem


def test_names_are_those_of_the_offered_tools() -> None:
    assert OFFERED.named("Read") == "Read"
    assert OFFERED.named("multi_edit") == "MultiEdit"
    assert OFFERED.named("create_issue") == "mcp__git__create_issue"
    assert OFFERED.named("Launch") is None
    assert OFFERED
    assert not OfferedTools([])


def test_a_tool_without_a_schema_takes_every_object() -> None:
    offered = OfferedTools([Tool("web_search", type="web_search_20250305")])

    assert offered.checked("web_search", '{"query": "x"}') == CheckedCall("web_search", '{"query": "x"}')
    assert offered.checked("web_search", "{'query': 'x'}").arguments == '{"query":"x"}'
    assert not offered.checked("web_search", "[1]").is_valid


def test_a_tool_is_also_known_by_the_name_under_which_the_model_reads_it() -> None:
    long = "mcp__plugin_tracker__" + "x" * 70

    assert OfferedTools([Tool(long)]).named(wire_name(long)) == long
