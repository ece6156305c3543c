"""Plays a reply through the filter of written calls, in pieces, and shows what came out."""

from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct
from tests.parts.written_replies import Call, Piece, Text, Thinking, WrittenReply, comparable

from anyclaude.filters import CallNote, DeltaFilter, FilterContext
from anyclaude.filters.base import ignore
from anyclaude.filters.written import written_replies
from anyclaude.profiles import profile_named
from anyclaude.protocol.deltas import Delta, Finished, StopReason, TextDelta, ThinkingDelta, ToolCallDelta
from anyclaude.protocol.messages_request import Tool

PROFILE = profile_named("llamacpp")
THINKING_PROFILE = msgspec.structs.replace(PROFILE, opens_thinking=True)


class Situation(Struct, frozen=True):
    """What the filter knows about a reply besides its text."""

    tools: tuple[Tool, ...] = ()
    finish: StopReason = "end_turn"
    opens_thinking: bool = False

    def started(self, notes: list[CallNote] | None = None) -> DeltaFilter:
        """Return the filter of a new reply, which adds its notes to `notes`."""
        profile = THINKING_PROFILE if self.opens_thinking else PROFILE
        note = ignore if notes is None else notes.append
        return written_replies(FilterContext(self.tools, profile, "local-model", note=note))

    def played(self, pieces: Iterable[str]) -> list[Delta]:
        """Return the deltas of a reply that arrives in these pieces, without the end of the reply."""
        filtered = self.started()
        deltas = [out for piece in pieces for out in filtered.feed([TextDelta(piece)])]
        deltas += filtered.feed([Finished(self.finish)])
        assert deltas.pop() == Finished(self.finish)
        assert filtered.finish() == []
        return deltas


def situation_of(reply: WrittenReply) -> Situation:
    """Return the situation of a reply of the corpus."""
    finish: StopReason = "max_tokens" if reply.finish == "length" else "end_turn"
    return Situation(reply.tools, finish, reply.opens_thinking)


def meant(deltas: Sequence[Delta]) -> list[Piece]:
    """Return what a reply means, in the form in which the corpus states it."""
    return comparable(piece for delta in deltas for piece in _pieces(delta))


def _pieces(delta: Delta) -> list[Piece]:
    match delta:
        case TextDelta(text):
            return [Text(text)]
        case ThinkingDelta(text):
            return [Thinking(text)]
        case ToolCallDelta(name=name, arguments=arguments) if name:
            return [Call(name, msgspec.json.decode(arguments, type=dict[str, object]))]
        case _:
            return []


def joined(deltas: Sequence[Delta]) -> list[Delta]:
    """Return the deltas with neighbouring text, thinking and fragments of one call joined."""
    whole: list[Delta] = []
    for delta in deltas:
        match whole[-1] if whole else None, delta:
            case TextDelta(before), TextDelta(text):
                whole[-1] = TextDelta(before + text)
            case ThinkingDelta(before), ThinkingDelta(text):
                whole[-1] = ThinkingDelta(before + text)
            case ToolCallDelta() as before, ToolCallDelta() as after if before.slot == after.slot:
                whole[-1] = msgspec.structs.replace(before, written=before.written + after.written)
            case _:
                whole.append(delta)
    return whole


def written(deltas: Sequence[Delta]) -> str:
    """Return what the deltas hold of the text that the model wrote."""
    return "".join(_written(delta) for delta in deltas)


def _written(delta: Delta) -> str:
    match delta:
        case TextDelta(text) | ThinkingDelta(text):
            return text
        case ToolCallDelta():
            return delta.written
        case _:
            return ""


def unwritten(reply: str, deltas: Sequence[Delta]) -> list[str] | None:
    """
    Return the parts of the reply that no delta holds, in order; `None` if the deltas hold anything that is not there.

    The deltas must hold their parts in the order of the reply.
    """
    missing: list[str] = []
    at = 0
    for part in map(_written, joined(deltas)):
        found = reply.find(part, at)
        if found < 0:
            return None
        missing += [reply[at:found]]
        at = found + len(part)
    return [part for part in (*missing, reply[at:]) if part.strip()]
