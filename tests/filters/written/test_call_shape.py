"""What JSON holds decides as it arrives whether it may be a call, so that an answer in JSON is not held back."""

from collections.abc import Sequence

import pytest
from tests.parts.played_replies import Situation, written
from tests.parts.written_calls import filter_of, offered, read
from tests.parts.written_replies import default_tools

from anyclaude.filters import CallNote
from anyclaude.filters.written.call_shape import CallShape
from anyclaude.filters.written.calls import NotACall, NotOffered
from anyclaude.filters.written.json_span import read_span
from anyclaude.protocol.deltas import TextDelta

VALUE = "word and word, " * 240
"""Much longer than what may wait."""
FEW = 3
"""The characters that may wait besides what decides: brackets, a quotation mark, the character that follows."""


def shape_of(text: str, *, is_certain: bool = False) -> str:
    """
    Return the value that is read while its shape is followed.

    Raises:
        NotACall: if it cannot hold calls.
    """
    span, _ = read(lambda source: read_span(source, "", CallShape(offered(), is_certain=is_certain)), text)
    return span.text


def most_held(reply: str) -> int:
    """Return how many characters of a reply wait at most while it arrives character by character."""
    filtered = Situation(default_tools()).started()
    most = now = 0
    for character in reply:
        now += 1 - len(written(filtered.feed([TextDelta(character)])))
        most = max(most, now)
    return most


@pytest.mark.parametrize(
    ("up_to", "after"),
    [
        ('{"id": 5, "title"', f': "{VALUE}"}}'),
        ('[{"type": "feature"', f', "text": "{VALUE}"}}]'),
        ('```json\n[{"id": 1, "title"', f': "{VALUE}"}}]\n```'),
        ('{"input": "', f'{VALUE}", "output": 1}}'),
        ('{"input": [', f'"{VALUE}"], "output": 1}}'),
        ('{"role": "user"', f', "content": "{VALUE}", "x": 1}}'),
        ('{"content": "', f'{VALUE}"}}'),
        ('{"role": "assistant", "name"', f': "{VALUE}"}}'),
        ('{"index": {', f'"a": "{VALUE}"}}}}'),
        ('{"action": "Go', f' on, {VALUE}"}}'),
        ('{"action": "Read", "input": "', f'{VALUE}"}}'),
        ('{"tool": {', f'"a": "{VALUE}"}}}}'),
        ('{"tool_calls": "', f'{VALUE}"}}'),
        ('{"tool_calls": 5, "id"', f': "{VALUE}"}}'),
        ('{\n  "name": "read",\n  "version"', f': "1.0.0",\n  "description": "{VALUE}"\n}}'),
        ('```json\n{\n  "name": "read",\n  "version"', f': "1.0.0",\n  "description": "{VALUE}"\n}}\n```'),
        ('{"name": "Bash", "description"', f': "{VALUE}"}}'),
        ('{"type": "function", "function": {"name": "Bash", "description"', f': "{VALUE}"}}}}'),
        ('[{"name": "Read", "arguments": {}}, {"name": "Ada"', f', "text": "{VALUE}"}}]'),
        ('{"answer"', f': "{VALUE}"}}'),
        ('["', f'{VALUE}"]'),
        ("[(", f'1, "{VALUE}")]'),
        ('<tool_call>\n{"name": "Launch"', f', "arguments": {{"a": "{VALUE}"}}}}\n</tool_call>'),
        ('<TOOLCALL>[{"name": "Launch"', f', "arguments": {{"a": "{VALUE}"}}}}]</TOOLCALL>'),
        ('<|python_tag|>{"name": "Launch"', f', "parameters": {{"a": "{VALUE}"}}}}'),
        ("<|python_tag|>launch.call(", f'a="{VALUE}")'),
        ('[TOOL_CALLS][{"name": "Launch"', f', "arguments": {{"a": "{VALUE}"}}}}]'),
        ("<|python_start|>[launch(", f'a="{VALUE}")]<|python_end|>'),
        ("<tools>\n[{" + '"title"', f': "{VALUE}"}}]\n</tools>'),
        ('<tool>{"title"', f': "{VALUE}"}}</tool>'),
        ("<tool>{items.", f'map((item) => "{VALUE}")}}</tool>'),
        ("<tool>{5", f'items: "{VALUE}"}}</tool>'),
        ("functools [1", f', "{VALUE}"]'),
        ("functools [wraps,", f' "{VALUE}"]'),
        ('functools [["', f'{VALUE}"]]'),
        ('functools ["a', f'{VALUE}"]'),
    ],
    ids=lambda text: text[:70] if VALUE not in text else "",
)
def test_what_is_no_call_waits_only_up_to_what_decides(up_to: str, after: str) -> None:
    assert len(after) > len(VALUE)
    assert most_held(up_to + after) <= len(up_to) + FEW


def test_the_value_before_a_key_that_decides_may_wait() -> None:
    assert most_held(f'{{"id": "{VALUE}", "title": "{VALUE}"}}') <= len(f'{{"id": "{VALUE}", "title"') + FEW


@pytest.mark.parametrize("is_certain", [True, False])
@pytest.mark.parametrize(
    "text",
    [
        '{"name": "Read", "arguments": {"title": [{"x": {}}]}}',
        '{"arguments": {"title": 5}, "name": "Read"}',
        '{"arguments": "{\\"file_path\\": 1}", "name": "Read"}',
        '{"arguments": "", "name": "list_regions"}',
        "{'name': 'Read', 'arguments': {}}",
        '{"name": "\\u0052ead", "arguments": {}}',
        '{"name": " functions.Read() ", "arguments": {}}',
        '{"name": "Read" "arguments": {}}',
        '{"name": "Read", "arguments": "{"a": "b", "c": 5}"}',
        '{"id": "a, b", "type": "function", "index": 0, "function": {"name": "Read", "arguments": "{}"}}',
        '{"role": "assistant", "content": [{"type": "text"}], "tool_calls": [{"name": "Read", "arguments": {}}]}',
        '{"content": "", "tool_calls": [{"id": "1", "function": {"name": "Read", "arguments": "{}"}}]}',
        '{"tool_calls": [{"name": "Read", "arguments": {}}], "content": "text"}',
        '[{"name": "Read", "arguments": {}}, {"name": "Bash", "arguments": {}}]',
        '{"name": "Read',
        '{"name',
        "{",
        "[",
        '{"arguments": "',
    ],
)
def test_what_may_be_a_call_is_read_to_its_end(text: str, is_certain: bool) -> None:
    assert shape_of(text, is_certain=is_certain) == text


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "Read", "file_path": "/a", "x": [1]}',
        '{"Read": {"file_path": "/a"}}',
        '{"Read": "{}"}',
        '{"reason": "it is there", "name": "Read", "arguments": {}}',
        '{"thoughts": ["it is there"], "name": "Read", "arguments": {}}',
        '{{"name": "Read", "arguments": {}}}',
        '{name: "Read", arguments: {}}',
        '{name": "Read", "arguments": {}}',
        "{“name”: “Read”, “arguments”: {}}",
        '{// a comment\n"name": "Read"}',
        '["{\\"name\\": \\"Read\\"}"]',
        '{"name": "TodoWrite", "action": "add", "content": {"x": 1}}',
        '{"name": "Read", "arguments": [], "": 1}',
        "{ ",
        "{name",
    ],
)
def test_tags_around_a_value_allow_more(text: str) -> None:
    assert shape_of(text, is_certain=True) == text
    if text != "{ ":
        with pytest.raises(NotACall):
            shape_of(text)


@pytest.mark.parametrize(
    "text",
    [
        "{5: 6}",
        "{a b: 5}",
        '{"a/\n',
        '{"Read": 5, "x"',
        '{"Read": [',
        '{"Read": "text',
        "[[",
        '["text',
        '[{"name": "Read"}, "text',
        '{"function": {"function": {',
    ],
)
def test_what_no_tags_make_a_call(text: str) -> None:
    for is_certain in (True, False):
        with pytest.raises(NotACall):
            shape_of(text, is_certain=is_certain)


@pytest.mark.parametrize("key", ["name", "tool_name", "function", "tool", "action"])
def test_a_name_that_was_not_offered_says_so(key: str) -> None:
    with pytest.raises(NotOffered, match="'Launch' was not offered"):
        shape_of(f'{{"{key}": "Launch"', is_certain=True)


def notes_on(pieces: Sequence[str]) -> list[CallNote]:
    """Return the notes on a reply."""
    notes: list[CallNote] = []
    filtered = filter_of(notes)
    for piece in pieces:
        filtered.feed([TextDelta(piece)])
    filtered.finish()
    return notes


def test_the_journal_notes_once_that_a_tool_was_not_offered() -> None:
    reply = '<tool_call>\n{"name": "Launch", "arguments": {"a": 1}}\n</tool_call>'
    note = CallNote("not_offered", "", "tool_call tags: 'Launch' was not offered")

    assert notes_on([reply]) == notes_on(list(reply)) == [note]
