"""A value that is nearly JSON ends where its brackets close, at its end tag, or with the reply."""

import pytest
from tests.parts.written_calls import read

from anyclaude.filters.written.json_span import Span, read_span
from anyclaude.filters.written.source import Source


def span(text: str, end_tag: str = "") -> tuple[Span, str]:
    """Return the value at the beginning of the text, and the rest."""
    return read(lambda source: read_span(source, end_tag), text)


@pytest.mark.parametrize(
    "value",
    [
        "{}",
        '{"a": [1, {"b": "}"}]}',
        r'{"a": "\"}"}',
        r'{"a": "\\"}',
        "{'a': '}'}",
        "{'a': 'say \"}\"'}",
        '{"a": "it\'s }"}',
        "(a='}', b=\"'\")",
        '[{"a": "<end>"}]',
        "{don't: 1}",
        "{]",
    ],
)
def test_a_value_ends_where_its_brackets_close(value: str) -> None:
    assert span(f"{value} {{more}}", "<end>") == (Span(value, is_balanced=True), " {more}")


def test_an_end_tag_ends_a_value_whose_bracket_is_missing() -> None:
    assert span('{"a": [1<end>}', "<end>") == (Span('{"a": [1', is_balanced=False), "<end>}")


def test_a_part_of_the_end_tag_belongs_to_the_value() -> None:
    assert span("{<en <end>", "<end>") == (Span("{<en ", is_balanced=False), "<end>")


def test_the_end_of_the_reply_ends_a_value_whose_bracket_is_missing() -> None:
    assert span('{"a": "b"') == (Span('{"a": "b"', is_balanced=False), "")


@pytest.mark.parametrize("text", ['{"a": "b', '{"a": "b\\', "{'a': 'it", '{"a": "b}'])
def test_a_value_that_the_reply_s_end_cuts_inside_a_string_says_so(text: str) -> None:
    assert span(text) == (Span(text, is_balanced=False, is_in_string=True), "")


def test_an_end_tag_inside_a_string_that_never_ends_ends_the_value_there() -> None:
    found, rest = span('{"a": "b<end> and <end>', "<end>")

    assert found == Span('{"a": "b', is_balanced=False, is_in_string=True)
    assert rest == "<end> and <end>"


def test_a_value_is_delivered_at_the_bracket_that_closes_it() -> None:
    with pytest.raises(StopIteration):
        next(read_span(Source('{"a": 1}'), "<end>"))
