"""The content that a decoder finds in the bytes of one reply."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from anyclaude.dialects.openai_chat import OpenAiChat
from anyclaude.errors import BackendError, BackendRejected
from anyclaude.protocol.deltas import Delta, Finished, TextDelta, ThinkingDelta, ToolCallDelta, UsageReported
from anyclaude.protocol.message_stream import merge_reports

CAPTURES = Path(__file__).parents[2] / "captures"

NO_USAGE = UsageReported()


@dataclass(frozen=True)
class Decoded:
    """A decoded reply, up to its end or its failure."""

    text: str = ""
    thinking: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    end: Finished | None = None
    usage: UsageReported = NO_USAGE
    failure: BackendError | None = field(default=None, compare=False)

    @property
    def fault(self) -> str:
        """The type of the failure and its text, empty for a whole reply."""
        return "" if self.failure is None else f"{type(self.failure).__name__}: {self.failure}"

    @property
    def status(self) -> int | None:
        """The status of a refusal."""
        return self.failure.status if isinstance(self.failure, BackendRejected) else None


def deltas_of(pieces: Iterable[bytes]) -> tuple[list[Delta], BackendError | None]:
    """Return the deltas of a reply that arrives in these pieces, and its failure."""
    decoder = OpenAiChat().decoder("text/event-stream")
    deltas: list[Delta] = []
    try:
        for piece in pieces:
            deltas += decoder.feed(piece)
        deltas += decoder.finish()
    except BackendError as error:
        return deltas, error
    return deltas, None


def decoded(pieces: Iterable[bytes]) -> Decoded:
    """Return the reply that arrives in these pieces."""
    deltas, failure = deltas_of(pieces)
    return assembled(deltas, failure)


def assembled(deltas: Iterable[Delta], failure: BackendError | None = None) -> Decoded:
    """Return the reply that these deltas add up to."""
    text, thinking, end, usage = "", "", None, NO_USAGE
    calls: dict[int, tuple[str, str]] = {}
    for delta in deltas:
        match delta:
            case TextDelta(piece):
                text += piece
            case ThinkingDelta(piece, _):
                thinking += piece
            case ToolCallDelta(slot, name, arguments):
                known, so_far = calls.get(slot, ("", ""))
                calls[slot] = (known or name, so_far + arguments)
            case UsageReported():
                usage = merge_reports(usage, delta)
            case Finished():
                end = delta
    return Decoded(text, thinking, tuple(calls[slot] for slot in sorted(calls)), end, usage, failure)


def capture(name: str) -> bytes:
    """Return the bytes of a recorded reply."""
    return (CAPTURES / name).read_bytes()
