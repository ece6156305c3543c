"""Calls that follow each other are read up to a broken one, which is left."""

import pytest
from tests.parts.written_calls import Written, offered, read, written

from anyclaude.filters.written.calls import FoundCall, NotACall
from anyclaude.filters.written.calls_in_turn import read_in_turn
from anyclaude.filters.written.json_calls import read_arguments_of
from anyclaude.filters.written.source import Reading, Source

READ: Written = ("Read", {"file_path": "/a"})
CALL = '{"file_path": "/a"}'


def calls_in(text: str) -> tuple[list[Written], str]:
    """Return the calls of `Read` whose arguments stand between exclamation marks, and what follows them."""

    def reader(source: Source) -> Reading[tuple[FoundCall, ...]]:
        def read_next(is_first: bool) -> Reading[FoundCall | None]:
            if not is_first and not (yield from source.skip("!")):
                return None
            return (yield from read_arguments_of(source, offered(), "Read"))

        source.mark()
        return (yield from read_in_turn(source, read_next))

    found, rest = read(reader, text)
    return written(found), rest


@pytest.mark.parametrize(
    ("text", "times", "rest"),
    [
        (CALL, 1, ""),
        (f"{CALL}!{CALL} and more", 2, " and more"),
        (f"{CALL}!{CALL}!oops", 2, "!oops"),
        (f"{CALL}!{CALL[:-3]}", 1, f"!{CALL[:-3]}"),
        (f"{CALL}!", 1, "!"),
    ],
)
def test_calls_are_read_up_to_a_broken_one(text: str, times: int, rest: str) -> None:
    assert calls_in(text) == ([READ] * times, rest)


@pytest.mark.parametrize("text", ["", "oops", f"!{CALL}"])
def test_a_broken_first_call_is_none(text: str) -> None:
    with pytest.raises(NotACall):
        calls_in(text)
