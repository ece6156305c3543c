"""The work on a reply grows with its length and no faster, whatever it consists of, and what waits is bounded."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

import pytest
from msgspec import Struct
from tests.parts.played_replies import Situation, written
from tests.parts.written_replies import default_tools

from anyclaude.filters.written import filter as written_filter
from anyclaude.filters.written.filter import MAX_CALL_CHARACTERS
from anyclaude.filters.written.forms import FORM_BY_OPENING
from anyclaude.filters.written.source import Source
from anyclaude.protocol.deltas import Delta, TextDelta

TOOLS = default_tools()
HALF = 4_000
"""Characters of the shorter reply, the longer one being twice as long: enough for quadratic work to show."""
PIECE = 16
"""Characters of a piece in which a reply arrives: a few tokens."""
MOST = 2.4
"""How much more work the doubled reply may make: twice as much, and what is left of a repetition at the end."""
LONGEST_TAG = 64
"""Characters at the end that are not read yet, because they may be the beginning of a tag."""
MOST_COPIES = 40
"""How often on average a character may be copied: with each piece that arrives, and with each that is taken back."""

ENDLESS = (
    *("<", "{", "[", "`", '"', "'", "~", "\\", " ", "\n", "\t", "(", "|", ":", "x", "é"),
    *(
        "``",
        "```\n",
        "```json\n",
        "```json\n{",
        '{"',
        "{'",
        '{"a": ',
        '{"name": "Read", ',
        '{"name": "Read", "arguments": {',
        '{"function": ',
        '{"tool_calls": [',
        '{"id": "a", ',
        '{"arguments": "{',
        '[{"name": "Read", "arguments": {}}, ',
        '\n[{"name": "Read", "arguments": {}}, ',
        "```xml\n<tool_call>",
        "```xml\n<tool_call>Read</tool_call>\n```\n",
    ),
    *(
        "[{",
        "[Read(",
        "Read(",
        "\n[Read(",
        "\n{",
        "\n[",
        "- a\n",
        "> <tool_call>\n",
    ),
    *(
        '<tool_call>{"',
        '<tool_call>{"function": {',
        '<tool_call>{"id": "a", ',
        "<tool_call>[{{",
        '<tool_call>{"name": "Read", "arguments": {"a": "',
        "<tool_call>Read<arg_key>a</arg_key><arg_value>",
    ),
    *(
        "<function=Read><parameter=file_path>",
        "<function=Read>\n<parameter=file_path>\na\n</parameter>\n",
        "</parameter>",
    ),
    *(
        "[TOOL_CALLS]Read[ARGS]{}",
        '[TOOL_CALLS]Read[ARGS]{}[TOOL_CALLS]Read[ARGS]{"',
        "<｜tool▁call▁begin｜>Read<｜tool▁sep｜>{}<｜tool▁call▁begin｜>Launch",
        "<invoke><tool_name>Read</tool_name><file_path>",
        '<invoke name="Write"><content></content>',
        "<function=Edit><parameter=file_path><parameter=old_string><parameter=new_string>",
        "</parameter=",
    ),
    *("<tool_call>\n<function=Read>", "<arg_value>", "</think>", "<think>a\n", "<think>```\n", "</tool_call>"),
    *("call:Read{", "<|tool_call>call:Read{a:{", "<|tool_call>call:Read{a:[", '<|tool_call>call:Read{a:<|"|>'),
    *(
        "<|channel|>analysis<|message|>a",
        "<|channel|>final<|message|>",
        "Action: Read\n",
        "functools[",
        "For example: ",
    ),
    *FORM_BY_OPENING,
)
"""What a reply consists of that repeats itself."""


class Work:
    """What was done: the functions that were called, of Python and of C, and the characters they were given."""

    def __init__(self) -> None:
        self.steps = 0

    def count(self, frame: FrameType, event: str, argument: object) -> None:
        """Count an event of `sys.setprofile`."""
        self.steps += 1

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count what is done in the context."""
        before = sys.getprofile()
        sys.setprofile(self.count)
        try:
            yield
        finally:
            sys.setprofile(before)


def pieces_of(text: str, length: int = PIECE) -> list[str]:
    """Return a text as it arrives."""
    return [text[at : at + length] for at in range(0, len(text), length)]


def work_on(text: str) -> int:
    """Return how many steps it takes to read a reply that arrives in pieces."""
    work = Work()
    with work.counted():
        Situation(TOOLS).played(pieces_of(text))
    return work.steps


class CountingSource(Source):
    """Counts the characters that are copied because text is taken back, or because more arrives."""

    copied = 0

    def _count_after(self, chunk: str) -> None:
        if self._chunk is not chunk:
            CountingSource.copied += len(self._chunk)

    def add(self, text: str) -> None:
        """Add text that has arrived."""
        before = self._chunk
        super().add(text)
        self._count_after(before)

    def rewind(self, keep: int = 0) -> None:
        """Read again from the mark."""
        before = self._chunk
        super().rewind(keep)
        self._count_after(before)

    def unread(self, text: str) -> None:
        """Take back text."""
        before = self._chunk
        super().unread(text)
        self._count_after(before)


def copied_in(pieces: Sequence[str]) -> int:
    """Return how many characters of a reply are copied."""
    CountingSource.copied = 0
    Situation(TOOLS).played(pieces)
    return CountingSource.copied


def repeated(unit: str, length: int) -> str:
    """Return a text of this length that repeats itself."""
    return (unit * (length // len(unit) + 1))[:length]


@pytest.mark.parametrize("unit", ENDLESS)
def test_twice_the_text_is_twice_the_work(unit: str) -> None:
    work_on(repeated(unit, HALF))  # compiles patterns

    assert work_on(repeated(unit, 2 * HALF)) < MOST * work_on(repeated(unit, HALF))


@pytest.mark.parametrize("piece", [PIECE, 2 * HALF], ids=["in pieces", "at once"])
def test_no_text_is_copied_again_and_again(piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(written_filter, "Source", CountingSource)
    copied = {unit: copied_in(pieces_of(repeated(unit, 2 * HALF), piece)) for unit in ENDLESS}

    too_much = {unit: count for unit, count in copied.items() if count > MOST_COPIES * 2 * HALF}
    assert too_much == {}


def test_what_is_read_again_is_bounded_although_every_line_seems_to_begin_a_call() -> None:
    unit = '\n{"name": "Read", "arguments": "'
    length = 4 * HALF

    assert work_on(repeated(unit, 2 * length)) < MOST * work_on(repeated(unit, length))


class Waiting(Struct):
    """How much text waits."""

    most: int = 0
    now: int = 0

    def note(self, piece: str, deltas: Sequence[Delta]) -> None:
        """Note a piece that has arrived, and what was delivered."""
        self.now += len(piece) - len(written(deltas))
        self.most = max(self.most, self.now)


@pytest.mark.parametrize(
    "opening",
    [
        '<tool_call>{"name": "Write", "arguments": {"content": "',
        "<tool_call>\n<function=Write>\n<parameter=content>\n",
        '{"name": "Write", "arguments": {"content": "',
        '```json\n[{"name": "Write", "arguments": {"content": "',
        "[TOOL_CALLS]Write[ARGS]{",
        '<|tool_call>call:Write{content:<|"|>',
        "<tool_call>Write\n<arg_key>content</arg_key>\n<arg_value>",
    ],
)
def test_a_call_without_an_end_waits_up_to_its_longest_length_and_is_then_passed_on(opening: str) -> None:
    filtered = Situation(TOOLS).started()
    waiting = Waiting()
    piece = "x" * 50_000

    for text in (opening, *[piece] * (MAX_CALL_CHARACTERS // len(piece) + 2)):
        waiting.note(text, filtered.feed([TextDelta(text)]))

    assert MAX_CALL_CHARACTERS - len(piece) < waiting.most <= MAX_CALL_CHARACTERS + LONGEST_TAG
    assert waiting.now == 0
