"""Plays texts to the readers of written calls, and whole replies to their filter."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias, TypeVar

import msgspec
from tests.parts.written_replies import default_tools

from anyclaude.filters import CallNote, DeltaFilter, FilterContext
from anyclaude.filters.written import written_replies
from anyclaude.filters.written.calls import FoundCall, NotACall, OfferedCalls
from anyclaude.filters.written.form import Found, Reader
from anyclaude.filters.written.source import Reading, Source
from anyclaude.profiles import profile_named
from anyclaude.protocol.deltas import Delta, Finished, StopReason, TextDelta
from anyclaude.protocol.json_values import JsonValue, decode_json
from anyclaude.protocol.messages_request import Tool

T = TypeVar("T")
TOOLS = default_tools()
Written: TypeAlias = tuple[str, JsonValue]
"""A call: its name and arguments."""


def offered(tools: Sequence[Tool] = TOOLS, notes: list[CallNote] | None = None) -> OfferedCalls:
    """Return the tools of the corpus as those that a model was offered."""
    return OfferedCalls(tools, (notes if notes is not None else []).append)


def read(reader: Callable[[Source], Reading[T]], text: str, *, was_cut: bool = False) -> tuple[T, str]:
    """
    Return what a reader returns, and the text that it left.

    The text arrives character by character; the reader must do the same with the whole text.

    Raises:
        NotACall: if the reader does.
    """
    outcome = _outcome(reader, text, was_cut=was_cut)
    assert repr(_outcome(reader, *text, was_cut=was_cut)) == repr(outcome), "it depends on how the text is divided"
    if isinstance(outcome, NotACall):
        raise outcome
    return outcome


def _outcome(reader: Callable[[Source], Reading[T]], *pieces: str, was_cut: bool) -> tuple[T, str] | NotACall:
    source = Source()
    reading = reader(source)
    waiting = list(pieces)
    try:
        while True:
            next(reading)
            if waiting:
                source.add(waiting.pop(0))
            else:
                assert not source.is_ended, "it waits after the end"
                source.end(was_cut=was_cut)
    except NotACall as refusal:
        return refusal
    except StopIteration as returned:
        result: T = returned.value
    return result, source.advance(len("".join(pieces))) + "".join(waiting)


def written(found: Iterable[FoundCall]) -> list[Written]:
    """Return the calls with their arguments decoded."""
    return [(it.call.name, decode_json(it.call.arguments.encode())) for it in found]


def read_calls(reader: Reader, text: str, opening: str = "", *, was_cut: bool = False) -> tuple[list[Written], str]:
    """
    Return the calls that the reader of a form finds after `opening`, and the text that it left.

    Raises:
        NotACall: if the reader does.
    """

    def reading(source: Source) -> Reading[Found]:
        source.mark()
        return (yield from reader(source, offered(), opening))

    found, rest = read(reading, text, was_cut=was_cut)
    return written(found.calls), rest


def filter_of(
    notes: list[CallNote] | None = None,
    *,
    tools: Sequence[Tool] = TOOLS,
    opens_thinking: bool = False,
    is_call_forced: bool = False,
) -> DeltaFilter:
    """Return the filter of a new reply, which adds its notes to `notes`."""
    profile = msgspec.structs.replace(profile_named("llamacpp"), opens_thinking=opens_thinking)
    note = (notes if notes is not None else []).append
    return written_replies(
        FilterContext(tuple(tools), profile, "local-model", is_call_forced=is_call_forced, note=note)
    )


def filtered(deltas: Iterable[Delta], started: DeltaFilter | None = None) -> list[Delta]:
    """Return the deltas of a whole reply behind the filter, which gets them one by one."""
    playing = started or filter_of()
    return [*(out for delta in deltas for out in playing.feed([delta])), *playing.finish()]


def filtered_text(text: str, started: DeltaFilter | None = None, *, reason: StopReason = "end_turn") -> list[Delta]:
    """Return the deltas of a reply that arrives as one delta and ends for `reason`, without its end."""
    return filtered([TextDelta(text), Finished(reason)], started)[:-1]
