"""A value that does not fit its schema is read in the one way that does."""

import pytest

from anyclaude.protocol.json_values import JsonObject, JsonValue, encode_json
from anyclaude.tool_schemas.coercion import (
    Coerced,
    alternatives,
    coerced_arguments,
    properties_of,
    renamed_keys,
    required_by,
    scalar_or_container,
    types_of,
)
from anyclaude.tool_schemas.schema_checker import SchemaChecker

STRINGS: JsonObject = {"type": "array", "items": {"type": "string"}}
POINT: JsonObject = {
    "type": "object",
    "properties": {"x": {"type": "integer"}, "lineNo": {"type": "integer"}},
    "required": ["x"],
    "additionalProperties": False,
}
SCHEMAS: dict[str, JsonObject] = {
    "string": {"type": "string"},
    "number": {"type": "number"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "strings": STRINGS,
    "numbers": {"type": "array", "items": {"type": "number"}},
    "object": {"type": "object"},
    "point": POINT,
    "points": {"type": "array", "items": POINT},
    "choice": {"type": "string", "enum": ["content", "in_progress"]},
    "nullable": {"type": ["integer", "null"]},
    "either": {"anyOf": [{"type": "integer"}, {"type": "boolean"}]},
    "one": {"oneOf": [{"type": "integer"}, {"type": "null"}]},
    "text_or_list": {"anyOf": [{"type": "string"}, STRINGS]},
    "many": {"type": "array", "items": {"type": "string"}, "minItems": 2},
}


def fitted(checker: SchemaChecker, arguments: JsonObject, written: str | None = None) -> Coerced:
    """Return the arguments as coerced, as if they had been written as `written`, or as this project writes them."""
    text = encode_json(arguments).decode() if written is None else written
    return coerced_arguments(checker, "Tool", arguments, text)


def coerced(name: str, value: JsonValue, written: str | None = None) -> Coerced:
    """Return a required argument as coerced, alone."""
    checker = SchemaChecker({"type": "object", "properties": {"v": SCHEMAS[name]}, "required": ["v"]})
    result = fitted(checker, {"v": value}, written)
    assert isinstance(result.value, dict)
    return Coerced(result.value["v"], result.changes)


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [
        ("number", "5", 5),
        ("number", " 5.5 ", 5.5),
        ("number", "-1e3", -1000.0),
        ("integer", "5", 5),
        ("integer", "5.0", 5.0),
        ("boolean", "true", True),
        ("boolean", "False", False),
        ("string", 5, "5"),
        ("string", 5.5, "5.5"),
        ("string", True, "true"),
        ("strings", "a", ["a"]),
        ("strings", '["a", "b"]', ["a", "b"]),
        ("strings", "['a', 'b']", ["a", "b"]),
        ("strings", [1, True], ["1", "true"]),
        ("numbers", "5", [5]),
        ("numbers", 5, [5]),
        ("numbers", '["5"]', [5]),
        ("object", '{"a": 1}', {"a": 1}),
        ("object", "{'a': True}", {"a": True}),
        ("point", '{"x": "1", "line_no": 2}', {"x": 1, "lineNo": 2}),
        ("point", {"X": 1}, {"x": 1}),
        ("point", {"x": 1, "y": None, "z": ""}, {"x": 1}),
        ("point", {"x": 1, "lineNo": None}, {"x": 1}),
        ("point", {"x": 1, "lineNo": "null"}, {"x": 1}),
        ("points", {"x": 1}, [{"x": 1}]),
        ("points", '[{"x": "1"}]', [{"x": 1}]),
        ("choice", "CONTENT", "content"),
        ("choice", "In-Progress", "in_progress"),
        ("nullable", "null", None),
        ("nullable", "None", None),
        ("nullable", "7", 7),
        ("either", "7", 7),
        ("either", "true", True),
        ("one", "7", 7),
        ("text_or_list", 7, 7),
    ],
)
def test_a_value_has_one_reading(name: str, value: JsonValue, meant: JsonValue) -> None:
    result = coerced(name, value)

    assert result.value == meant
    assert type(result.value) is type(meant)
    assert bool(result.changes) == (value != meant)


@pytest.mark.parametrize(
    ("value", "written"),
    [(3.1, "3.10"), (100000.0, "1E5"), (100.0, "1e2"), (7, "007"), (0, "-0"), (1.2345678901234568e16, "1234…7.25")],
)
def test_a_number_is_a_string_only_as_it_was_written(value: JsonValue, written: str) -> None:
    assert coerced("string", value, f'{{"v": {written}}}').value == value


@pytest.mark.parametrize("value", ["", "null", "None"])
def test_a_word_for_nothing_is_no_item_of_an_array(value: str) -> None:
    assert coerced("strings", value).value == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("number", "five"),
        ("number", "1,000"),
        ("number", "0x10"),
        ("number", "5 lines"),
        ("number", "NaN"),
        ("number", True),
        ("number", [5]),
        ("number", None),
        ("integer", "5.5"),
        ("integer", "123456789012345678901234567890"),
        ("boolean", "yes"),
        ("boolean", 1),
        ("boolean", "0"),
        ("string", None),
        ("string", ["a"]),
        ("string", ["a", "b"]),
        ("string", {"a": 1}),
        ("strings", "a, b"),
        ("strings", "a\nb"),
        ("strings", '["a"'[:-1]),
        ("strings", None),
        ("many", "a"),
        ("object", "a"),
        ("object", ["a"]),
        ("point", {"x": 1, "y": 2}),
        ("point", {"x": 1, "X": 2}),
        ("choice", "cont"),
        ("choice", "done"),
    ],
)
def test_a_value_without_one_reading_is_left_as_it_is(name: str, value: JsonValue) -> None:
    result = coerced(name, value)

    assert result == Coerced(value)


@pytest.mark.parametrize("wrapper", ["arguments", "parameters", "input", "args", "params"])
@pytest.mark.parametrize("label", [{}, {"name": "Tool"}, {"tool": "Tool"}])
@pytest.mark.parametrize("inner", [{"x": 1}, '{"x": 1}', "{'x': '1'}"])
def test_arguments_one_level_too_deep_are_found(wrapper: str, label: JsonObject, inner: JsonValue) -> None:
    result = fitted(SchemaChecker(POINT), {**label, wrapper: inner})

    assert result.value == {"x": 1}
    assert result.changes[0] == f"the arguments stood under {wrapper}"


@pytest.mark.parametrize(
    "arguments",
    [
        {"name": "Other", "arguments": {"x": 1}},
        {"arguments": {"x": 1}, "input": {"x": 1}},
        {"arguments": {"x": 1}, "lineNo": 2},
        {"arguments": [{"x": 1}]},
    ],
)
def test_arguments_beside_others_are_not_taken_out(arguments: JsonObject) -> None:
    assert fitted(SchemaChecker(POINT), arguments).value == arguments


def test_a_key_that_the_schema_has_is_no_wrapper() -> None:
    schema: JsonObject = {"type": "object", "properties": {"input": {"type": "object"}, "n": {"type": "integer"}}}

    result = fitted(SchemaChecker(schema), {"input": {"n": 1}, "n": "2"})

    assert result == Coerced({"input": {"n": 1}, "n": 2}, ('n: "2" is 2',))


def test_changes_name_the_place_and_both_values() -> None:
    schema: JsonObject = {"type": "object", "properties": {"points": SCHEMAS["points"]}, "additionalProperties": False}

    result = fitted(SchemaChecker(schema), {"Points": [{"x": 1}, {"x": "2", "y": None}]})

    assert result.value == {"points": [{"x": 1}, {"x": 2}]}
    assert result.changes == ("Points is points", 'points[1].x: "2" is 2', "y: null is left out")


def test_a_schema_that_contains_itself_does_not_go_on_for_ever() -> None:
    schema: JsonObject = {
        "type": "object",
        "properties": {"v": {"$ref": "#/$defs/nest"}},
        "$defs": {"nest": {"anyOf": [{"type": "array", "items": {"$ref": "#/$defs/nest"}}, {"$ref": "#/$defs/nest2"}]},
                  "nest2": {"type": "array", "items": {"$ref": "#/$defs/nest"}, "minItems": 1}},
    }  # fmt: skip
    arguments: JsonObject = {"v": "x"}

    assert fitted(SchemaChecker(schema), arguments).value == arguments


def test_the_parts_of_a_schema_are_read_whatever_they_are() -> None:
    assert properties_of({"properties": []}) == {}
    assert required_by({"required": True}) == frozenset()
    assert required_by({"required": ["a", 1]}) == {"a"}
    assert renamed_keys(["path"], {"properties": {"file_path": {}}, "required": ["file_path"]}) == {"path": "file_path"}
    assert renamed_keys(["path"], {"properties": {"file_path": {}}}) == {}
    assert alternatives({"oneOf": [True]}) == [True]
    assert alternatives({"anyOf": {}}) == []
    assert types_of({"type": "string"}) == {"string"}
    assert types_of({"type": ["string", "null"]}) == {"string", "null"}
    assert types_of({"const": 1}) == {"integer"}
    assert types_of({"enum": ["a", None]}) == {"string", "null"}
    assert types_of({"properties": {}}) == {"object"}
    assert types_of({"items": {}}) == {"array"}
    assert len(types_of({})) == 7


@pytest.mark.parametrize(
    ("text", "value"),
    [("5", 5), ("5.5", 5.5), ("TRUE", True), ("none", None), ("[1]", [1]), ("{'a': 1}", {"a": 1}), ("abc", "abc"),
     ("", ""), ("[1", "[1"), ('"a"', '"a"'), ("1234567890123456", "1234567890123456"), ("\ud800", "\ud800")],
)  # fmt: skip
def test_a_text_is_a_scalar_or_a_container_or_text(text: str, value: JsonValue) -> None:
    assert scalar_or_container(text) == value
