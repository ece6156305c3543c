"""Text that arrives in pieces is read as if it were there at once, and can be read again from a mark."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.parts.splits import any_split
from tests.parts.written_calls import read

from anyclaude.filters.written.source import BLANKS, SPACE, Literals, Reading, Source

Read = Callable[[Source], Reading[object]]


@pytest.mark.parametrize(
    ("reader", "text", "result", "rest"),
    [
        (lambda source: source.peek(), "ab", "a", "ab"),
        (lambda source: source.peek(), "", "", ""),
        (lambda source: source.has("<a>"), "<a>b", True, "<a>b"),
        (lambda source: source.has("<a>"), "<b>", False, "<b>"),
        (lambda source: source.has("<a>"), "<a", False, "<a"),
        (lambda source: source.has(""), "", True, ""),
        (lambda source: source.has_one_of(("<a>", "<b>")), "<b>c", "<b>", "<b>c"),
        (lambda source: source.has_one_of(("<a>", "<b>")), "<c>", "", "<c>"),
        (lambda source: source.has_one_of(("<a>", "<b>")), "<", "", "<"),
        (lambda source: source.has_one_of(("<a>", "")), "b", "", "b"),
        (lambda source: source.has_one_of(Literals(("<a>",))), "<a>", "<a>", "<a>"),
        (lambda source: source.skip("<a>"), "<a>b", True, "b"),
        (lambda source: source.skip("<a>"), "<a", False, "<a"),
        (lambda source: source.run(SPACE), " \n\tb ", " \n\t", "b "),
        (lambda source: source.run(BLANKS), " \t\n", " \t", "\n"),
        (lambda source: source.run(SPACE), "b", "", "b"),
        (lambda source: source.run(SPACE), "  ", "  ", ""),
        (lambda source: source.until("</a>"), "b<</a>c", ("b<", "</a>"), "c"),
        (lambda source: source.until("</a>", "\n"), "b\n</a>", ("b", "\n"), "</a>"),
        (lambda source: source.until("</a>"), "b</a", ("b</a", ""), ""),
        (lambda source: source.until("</a>"), "", ("", ""), ""),
    ],
)
def test_a_reader_gets_the_same_from_text_in_pieces(reader: Read, text: str, result: object, rest: str) -> None:
    assert read(reader, text) == (result, rest)


@pytest.mark.parametrize(
    ("reader", "text"),
    [
        (lambda source: source.has("<tool_call>"), "<tooth"),
        (lambda source: source.has_one_of(("<tool_call>", "<think>")), "<ta"),
        (lambda source: source.has_one_of(("<tool_call>", "<think>")), "a"),
        (lambda source: source.skip("<a>"), "<b"),
        (lambda source: source.run(SPACE), " a"),
        (lambda source: source.until("b"), "ab"),
    ],
)
def test_a_reader_waits_no_longer_than_the_text_is_ambiguous(reader: Read, text: str) -> None:
    with pytest.raises(StopIteration):
        next(reader(Source(text)))


@pytest.mark.parametrize(
    ("reader", "text"),
    [
        (lambda source: source.peek(), ""),
        (lambda source: source.has("<tool_call>"), "<too"),
        (lambda source: source.has_one_of(("<tool_call>", "<think>")), "<t"),
        (lambda source: source.run(SPACE), "  "),
        (lambda source: source.until("</a>"), "text<"),
    ],
)
def test_a_reader_waits_where_the_text_does_not_decide(reader: Read, text: str) -> None:
    assert next(reader(Source(text))) is None


def test_what_was_read_since_the_mark_is_read_again_after_a_rewind() -> None:
    source = Source("abcdef")
    source.advance(1)
    source.mark()
    source.advance(3)

    assert source.since_mark() == "bcd"
    source.rewind(keep=1)
    assert (source.position, source.advance(9)) == (2, "cdef")


def test_the_last_text_read_can_be_taken_back() -> None:
    source = Source("abcdef")
    source.mark()
    source.advance(4)

    source.unread("cd")

    assert (source.position, source.advance(3), source.release(), source.advance(9)) == (2, "cde", "abcde", "f")


@pytest.mark.parametrize("pieces", [["abcdef"], ["abc", "def"], ["a", "b", "c", "d", "e", "f"]])
def test_a_place_after_the_mark_can_be_returned_to(pieces: list[str]) -> None:
    source = Source()
    for number, piece in enumerate(pieces):
        source.add(piece)
        if not number:
            source.mark()
        source.advance(len(piece))

    source.return_to(2)
    assert (source.position, source.since_mark()) == (2, "ab")
    source.return_to(2)
    assert source.advance(9) == "cdef"


def test_a_released_mark_is_forgotten() -> None:
    source = Source("abc")
    source.mark()
    source.advance(1)
    assert source.release() == "a"
    source.advance(1)

    assert source.since_mark() == ""


def test_advancing_reads_no_more_than_has_arrived() -> None:
    source = Source("ab")

    assert (source.advance(5), source.is_empty, source.position) == ("ab", True, 2)


def test_what_a_pattern_matches_is_read_as_far_as_it_has_arrived() -> None:
    source = Source("aab")

    assert source.available(re.compile("a*")) == "aa"
    assert source.available(re.compile("c")) == ""
    assert source.advance(1) == "b"


@pytest.mark.parametrize(
    ("text", "is_ended", "is_rest"),
    [("</s", True, True), ("</s", False, False), ("", True, False), ("x", True, False), ("</s>", True, False)],
)
def test_the_rest_of_a_reply_may_be_the_beginning_of_a_literal(text: str, is_ended: bool, is_rest: bool) -> None:
    assert Source(text, is_ended=is_ended).is_rest_of(Literals(("</s>", "<|im_end|>"))) is is_rest


def test_the_end_of_a_reply_says_whether_it_was_cut() -> None:
    source = Source()
    assert not source.is_ended

    source.end(was_cut=True)

    assert (source.is_ended, source.was_cut) == (True, True)


@given(any_split("one<two three"), st.integers(0, 13), st.integers(0, 13), st.integers(0, 13))
def test_the_mark_survives_the_arrival_of_more_text(pieces: list[str], marked: int, end: int, keep: int) -> None:
    text = "".join(pieces)
    marked, end = sorted((marked, end))
    keep = min(keep, end - marked)
    source = Source()
    for at in range(end):
        while source.is_empty:
            source.add(pieces.pop(0))
        if at == marked:
            source.mark()
        source.advance(1)
    if marked < end:
        assert source.since_mark() == text[marked:end]
        source.rewind(keep)
        for piece in pieces:
            source.add(piece)
        assert (source.position, source.advance(99)) == (marked + keep, text[marked + keep :])
