"""A call names an offered tool and has a call's keys; what the tags leave no doubt about is read more freely."""

import pytest
from tests.parts.written_calls import Written, offered, written

from anyclaude.filters import CallNote
from anyclaude.filters.written.calls import (
    NOTE_CHARACTERS,
    FoundCall,
    NotACall,
    NotOffered,
    OfferedCalls,
    is_usual,
)
from anyclaude.filters.written.json_span import Span
from anyclaude.protocol.json_values import encode_json
from anyclaude.protocol.messages_request import Tool
from anyclaude.tool_schemas import CheckedCall

READ: Written = ("Read", {"file_path": "/a"})
PWD: Written = ("Bash", {"command": "pwd"})


def calls_in(text: str, *, is_certain: bool = False, is_in_string: bool = False) -> list[Written]:
    """Return the calls that a value holds."""
    span = Span(text, is_balanced=not is_in_string, is_in_string=is_in_string)
    return written(offered().from_span(span, is_certain=is_certain))


@pytest.mark.parametrize(
    ("name", "meant"),
    [("Read", "Read"), (" Read\n", "Read"), ("read", "Read"), ("functions.Read", "Read")],
)
def test_a_name_means_an_offered_tool(name: str, meant: str) -> None:
    assert offered().name(name) == meant


@pytest.mark.parametrize("name", ["", "Launch", "x" * 100_000, "\ud800", "\0"])
def test_a_name_that_means_no_tool_is_no_call(name: str) -> None:
    with pytest.raises(NotACall, match="was not offered"):
        offered().name(name)


def test_parameters_have_the_order_of_the_schema() -> None:
    assert offered().parameters("Read") == ("file_path", "offset", "limit")


@pytest.mark.parametrize("schema", [{}, {"properties": []}, {"type": "object"}])
def test_a_schema_without_properties_has_no_parameters(schema: dict[str, object]) -> None:
    assert offered([Tool("Ping", input_schema=schema)]).parameters("Ping") == ()  # type: ignore[arg-type]


@pytest.mark.parametrize(("tools", "is_any"), [((), False), ((Tool("Ping"),), True)])
def test_offered_calls_are_true_if_there_is_a_tool(tools: tuple[Tool, ...], is_any: bool) -> None:
    assert bool(offered(tools)) is is_any


def test_arguments_written_as_text_get_the_types_of_the_schema() -> None:
    found = offered().from_parameters("Read", {"file_path": "1", "limit": "5"}, "")

    assert written([found]) == [("Read", {"file_path": "1", "limit": 5})]


@pytest.mark.parametrize("arguments", ["", " \n", "{}"])
def test_a_call_without_arguments_has_an_empty_object(arguments: str) -> None:
    call = offered([Tool("Ping", input_schema={"type": "object"})]).from_arguments("Ping", arguments, "ping()").call

    assert (call.arguments, call.is_valid) == ("{}", True)


def test_valid_arguments_are_kept_as_they_were_written() -> None:
    text = '{ "file_path":"/a" }'

    assert offered().from_arguments("Read", text, "").call == CheckedCall("Read", text)


@pytest.mark.parametrize("is_certain", [True, False])
@pytest.mark.parametrize(
    "text",
    [
        '{"name": "Read", "arguments": {"file_path": "/a"}}',
        '{"name": "Read", "parameters": {"file_path": "/a"}}',
        '{"arguments": {"file_path": "/a"}, "name": "Read"}',
        '{"tool": "Read", "args": {"file_path": "/a"}}',
        '{"action": "Read", "action_input": {"file_path": "/a"}}',
        '{"function": "Read", "input": {"file_path": "/a"}}',
        '{"id": "1", "type": "function", "function": {"name": "Read", "arguments": "{\\"file_path\\": \\"/a\\"}"}}',
        '{"type": "tool_use", "id": "1", "name": "Read", "input": {"file_path": "/a"}}',
        '{"role": "assistant", "content": "", "tool_calls": [{"name": "Read", "arguments": {"file_path": "/a"}}]}',
        '[{"name": "Read", "arguments": {"file_path": "/a"}}]',
        '{"name": "read", "arguments": {"path": "/a"}}',
        "{'name': 'Read', 'arguments': {'file_path': '/a'}}",
        '{"name": "Read" "arguments": {"file_path": "/a"}}',
        '{"name": "Read", "arguments": {"file_path": "/a"}',
    ],
)
def test_an_object_with_a_call_s_keys_is_a_call(text: str, is_certain: bool) -> None:
    assert calls_in(text, is_certain=is_certain) == [READ]


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "Read", "file_path": "/a"}',
        '{"Read": {"file_path": "/a"}}',
        '{{"name": "Read", "arguments": {"file_path": "/a"}}}',
        '{"name": "Read", "arguments": {"file_path": "/a"}, "reason": "it is there"}',
    ],
)
def test_tags_around_an_object_allow_more_forms(text: str) -> None:
    assert calls_in(text, is_certain=True) == [READ]
    with pytest.raises(NotACall):
        calls_in(text)


def test_a_list_holds_several_calls() -> None:
    text = '[{"name": "Read", "arguments": {"file_path": "/a"}}, {"name": "Bash", "arguments": {"command": "pwd"}}]'

    assert calls_in(text) == [READ, PWD]


@pytest.mark.parametrize("is_certain", [True, False])
@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[]",
        "[1]",
        '[{"name": "Read", "arguments": {"file_path": "/a"}}, 5]',
        '{"name": "Launch", "arguments": {}}',
        '{"name": 5, "arguments": {}}',
        '{"tool_calls": 5}',
        '{"tool_calls": [], "user": "me"}',
        '{"name": "Read", "parameters": {"type": "object", "properties": {"file_path": {"type": "string"}}}}',
        '{"name": "Read", "arguments": {"$schema": "https://json-schema.org", "file_path": "/a"}}',
        "{" * 2_000,
        '{"name": "Read", "arguments": ' + "[" * 10_000,
        "[" * 10_000,
    ],
    ids=lambda text: text[:60],
)
def test_anything_else_is_no_call(text: str, is_certain: bool) -> None:
    with pytest.raises(NotACall):
        assert not calls_in(text, is_certain=is_certain), "an empty list of calls"


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "Read"}',
        '{"name": "Read", "type": "person", "arguments": {"file_path": "/a"}}',
        '{"name": "Read", "arguments": 5}',
        '{"name": "Read", "arguments": null}',
    ],
)
def test_an_object_without_tags_must_have_arguments_and_the_type_of_a_call(text: str) -> None:
    with pytest.raises(NotACall):
        calls_in(text)


def test_a_parameter_named_like_a_part_of_a_schema_is_no_definition() -> None:
    tool = Tool("Define", input_schema={"type": "object", "properties": {"properties": {"type": "object"}}})
    span = Span('{"name": "Define", "arguments": {"properties": {}}}', is_balanced=True)

    assert written(offered([tool]).from_span(span, is_certain=False)) == [("Define", {"properties": {}})]


def test_a_call_between_tags_that_ends_inside_a_string_is_delivered_as_it_is_with_the_problem() -> None:
    text = '{"name": "Read", "arguments": {"file_path": "/a'
    (found,) = offered().from_span(Span(text, is_balanced=False, is_in_string=True), is_certain=True)

    assert (found.call.name, found.call.arguments, found.call.is_valid) == ("Read", '{"file_path": "/a', False)
    assert found.call.problem == "the JSON ends inside a string"


@pytest.mark.parametrize(
    ("text", "is_certain"), [('{"name": "Read", "arguments": {"file_path": "/a', False), ('{"file_path": "/a', True)]
)
def test_other_values_that_end_inside_a_string_are_no_call(text: str, is_certain: bool) -> None:
    with pytest.raises(NotACall):
        calls_in(text, is_certain=is_certain, is_in_string=True)


def noted(found: FoundCall) -> list[CallNote]:
    """Return the notes on a call that was recognised."""
    notes: list[CallNote] = []
    offered_calls = OfferedCalls((), notes.append)
    offered_calls.note_recognised(found, "some tags")
    offered_calls.note_check(found)
    return notes


RECOGNISED = CallNote("recognised", "Read", "some tags")


@pytest.mark.parametrize(
    ("call", "notes"),
    [
        (CheckedCall("Read", "{}"), [RECOGNISED]),
        (
            CheckedCall("Read", "{}", changes=("a", "b")),
            [RECOGNISED, CallNote("repaired", "Read", "a; b", "raw", "{}")],
        ),
        (
            CheckedCall("Read", "{}", is_valid=False, problem="bad"),
            [RECOGNISED, CallNote("invalid", "Read", "bad", "raw", "{}")],
        ),
    ],
)
def test_the_journal_notes_what_was_done_with_a_call(call: CheckedCall, notes: list[CallNote]) -> None:
    assert noted(FoundCall(call, "raw")) == notes


def test_notes_are_shortened() -> None:
    _, note = noted(FoundCall(CheckedCall("Read", "y" * 9999, changes=("a",)), "x" * 9999))

    assert (len(note.before), len(note.after)) == (NOTE_CHARACTERS, NOTE_CHARACTERS)


@pytest.mark.parametrize(
    ("reason", "notes"),
    [
        (NotOffered("'Launch' was not offered"), [CallNote("not_offered", "", "some tags: 'Launch' was not offered")]),
        (NotACall("it is no call"), []),
    ],
)
def test_only_tools_that_were_not_offered_are_noted_of_what_is_no_call(reason: NotACall, notes: list[CallNote]) -> None:
    noted: list[CallNote] = []
    OfferedCalls((), noted.append).note_refusal(reason, "some tags")

    assert noted == notes


@pytest.mark.parametrize(
    ("name_key", "argument_key", "expected"),
    [("name", "arguments", True), ("name", "parameters", True), ("name", "input", False), ("tool", "arguments", False)],
)
def test_most_formats_have_a_name_and_arguments_or_parameters(name_key: str, argument_key: str, expected: bool) -> None:
    assert is_usual(name_key, argument_key) is expected


DEFINITIONS = [
    '{"name": "Bash", "parameters": {"command": {"type": "string"}}}',
    '{"name": "Bash", "arguments": {"command": {"type": "string", "description": "What to run"}}}',
    '[{"name": "Read", "parameters": {"file_path": {"description": "A path"}, "limit": {"type": "number"}}}]',
    '{"type": "function", "function": {"name": "Bash", "parameters": {"command": {"type": "string"}}}}',
]


@pytest.mark.parametrize("text", DEFINITIONS)
def test_schemas_in_place_of_all_arguments_describe_the_tool(text: str) -> None:
    with pytest.raises(NotACall):
        calls_in(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "Read", "arguments": {"file": {"path": "/a"}}}',
        '{"name": "Read", "arguments": {"file_path": {"type": "string", "value": "/a"}}}',
        '{"name": "Read", "parameters": {"limit": {"type": "number"}, "file_path": 5}}',
        '{"name": "Read", "arguments": {}}',
        '{"name": "Read", "arguments": "the file"}',
        '{"type": "tool_use", "name": "Read", "input": {}}',
        '{"type": "function", "function": {"name": "Read", "arguments": "{}"}}',
    ],
)
def test_a_call_with_usual_keys_is_a_call_although_its_arguments_do_not_fit(text: str) -> None:
    (found,) = offered().from_span(Span(text, is_balanced=True), is_certain=False)

    assert (found.call.name, found.call.is_valid) == ("Read", False)


@pytest.mark.parametrize(
    "text",
    [
        '{"action": "Read", "args": {}}',
        '{"tool": "Read", "input": "the file"}',
        '{"name": "Read", "input": {"encoding": "utf-8"}}',
    ],
)
def test_with_other_keys_the_arguments_must_fit_unless_tags_leave_no_doubt(text: str) -> None:
    (found,) = offered().from_span(Span(text, is_balanced=True), is_certain=True)

    assert not found.call.is_valid
    with pytest.raises(NotACall):
        calls_in(text)


@pytest.mark.parametrize("character", ["\0", "\ud800", "\u2028", "🙂"])
def test_any_character_may_stand_in_a_string(character: str) -> None:
    name_and_arguments = '{"name": "Write", "arguments": {"file_path": "/a", "content": "' + character + '"}}'
    ((_, arguments),) = calls_in(name_and_arguments)

    encode_json(arguments)
    assert isinstance(arguments, dict)
    assert arguments["content"] in {character, "\ufffd"}
