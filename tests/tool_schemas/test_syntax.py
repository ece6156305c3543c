"""The text of a call's arguments is read as an object, and the reading says what had to be changed."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from anyclaude.protocol.json_bounds import MAX_CONTAINERS
from anyclaude.protocol.json_values import JsonError, JsonObject
from anyclaude.tool_schemas.syntax import (
    ENCODED_TWICE,
    MAX_REPAIRED_BRACKETS,
    NOTHING,
    SURPLUS,
    SYNTAX,
    Reading,
    read_arguments,
)

KNOWN = frozenset({"command", "description", "content", "file_path"})
OBJECT = '{"command": "ls"}'
LS = {"command": "ls"}


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        (OBJECT, Reading(LS)),
        ("", Reading({})),
        (" \n", Reading({})),
        ("{}", Reading({})),
        ("{'command': 'ls'}", Reading(LS, (SYNTAX,))),
        (json.dumps(OBJECT), Reading(LS, (ENCODED_TWICE,))),
        (json.dumps(json.dumps(OBJECT)), Reading(LS, (ENCODED_TWICE,))),
        (json.dumps("{'command': 'ls'}"), Reading(LS, (ENCODED_TWICE, SYNTAX))),
        ("null", Reading({}, (NOTHING,))),
        ("None", Reading({}, (SYNTAX, NOTHING))),
        ("[]", Reading({}, (NOTHING,))),
        ('""', Reading({}, (NOTHING,))),
    ],
)
def test_arguments_are_read(text: str, reading: Reading) -> None:
    assert read_arguments(text, KNOWN) == reading


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ('{"command": "echo "hi" there"}', {"command": 'echo "hi" there'}),
        ('{"command": "echo "hi""}', {"command": 'echo "hi"'}),
        ('{"command": "grep "a", "b" f", "description": "x"}', {"command": 'grep "a", "b" f', "description": "x"}),
        ('{"content": "<a b="c">d</a>", "file_path": "/x"}', {"content": '<a b="c">d</a>', "file_path": "/x"}),
        ('{"command": "print("a")\nprint("b")"}', {"command": 'print("a")\nprint("b")'}),
    ],
)
def test_quotes_within_a_string_are_part_of_it(text: str, arguments: object) -> None:
    assert read_arguments(text, KNOWN) == Reading(arguments, (SYNTAX,))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        '{"command": "echo "hi" the',
        '{"command": "echo "hi"',
        '{"command": "echo 5" > {b}',
        '{"content": "{"a": 1, "b": [2]}", "file_path": "/x"}',
        '{"content": "say "x", "other": "z"", "file_path": "/x"}',
        '{"content": "say "x", "file_path": "z"", "file_path": "/x"}',
        '{"command": ls -la}',
        '{"command": r"ls"}',
        '{"command": NaN}',
        '{"command": """ls"}',
        '{"command": "ls" "description": "x"}',
        '{"command": "a "b"" c"} and more',
        'Sure: {"command": "ls"}',
        "ls",
        "5",
        "[1, 2]",
        '[{"command": "ls"}]',
        '{"command": "ls"}{"command": "rm"}',
        '"{\\"command\\": \\"ls"',
        json.dumps(json.dumps(json.dumps(json.dumps(OBJECT)))),
        '{"command": "' + '"x"' * 100_000 + '"}',
        "\ud800",
    ],
)
def test_what_is_uncertain_is_not_read(text: str) -> None:
    with pytest.raises(JsonError):
        read_arguments(text, KNOWN)


@given(st.text(st.sampled_from("ab \"':,{}[]\n")), st.text(st.sampled_from("ab \"':,{}[]\n")))
@example('"', '"')
@example('""', '"')
@example(',[":', "]")
def test_a_string_with_quotes_is_read_whole_or_not_at_all(command: str, description: str) -> None:
    text = f'{{"command": "{command}", "description": "{description}"}}'
    imitations = ('"description"', '"command"', "'description'", "'command'")
    try:
        read = read_arguments(text, KNOWN).arguments
    except JsonError:
        return

    assert read == {"command": command, "description": description} or any(key in command for key in imitations)


@given(st.text(st.sampled_from('"\\{}[]:,command \n1x'), max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        assert isinstance(read_arguments(text, KNOWN).arguments, dict)
    except JsonError as error:
        assert str(error)


def test_arguments_of_too_many_parts_are_not_read() -> None:
    with pytest.raises(JsonError, match="too many parts"):
        read_arguments('{"a":[' + "[]," * MAX_CONTAINERS + "1]}")


def test_quotes_are_repaired_only_where_that_is_quick() -> None:
    text = '{"content": "say "hi" %s"}'

    assert read_arguments(text % "{", KNOWN).changes == (SYNTAX,)
    with pytest.raises(JsonError):
        read_arguments(text % ("{" * MAX_REPAIRED_BRACKETS), KNOWN)


@pytest.mark.parametrize("text", ['{}{"a":1}', '{"a":1}{}', '{"a":1}\n{"a":1}', '{} {"a":1} {}'])
def test_one_object_beside_empty_ones_or_itself_is_the_arguments(text: str) -> None:
    reading = read_arguments(text)

    assert (reading.arguments, reading.changes) == ({"a": 1}, (SURPLUS,))


def test_two_different_objects_are_no_arguments() -> None:
    with pytest.raises(JsonError):
        read_arguments('{"a":1}{"a":2}')


@given(st.sets(st.integers(1, 24), min_size=1, max_size=4).map(sorted))
def test_arguments_may_come_as_a_growing_sum(ends: list[int]) -> None:
    text = '{"path":"/a","n":{"b":1}}'
    reading = read_arguments("".join(text[:end] for end in ends) + text)

    assert (reading.arguments, reading.changes) == ({"path": "/a", "n": {"b": 1}}, (SURPLUS,))


@pytest.mark.parametrize(
    ("text", "arguments"),
    [('{"a":{"a":1}}', {"a": {"a": 1}}), ('{"a":1,"b":{"a":1}}', {"a": 1, "b": {"a": 1}})],
)
def test_an_object_in_an_object_is_no_growing_sum(text: str, arguments: JsonObject) -> None:
    assert read_arguments(text).arguments == arguments
