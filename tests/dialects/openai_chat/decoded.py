"""What a decoder hears in the bytes of one answer, put together."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from anyclaude.dialects.openai_chat import OpenAiChat
from anyclaude.errors import BackendError, BackendRejected
from anyclaude.protocol.deltas import Delta, Finished, TextDelta, ThinkingDelta, ToolCallDelta, UsageReported
from anyclaude.protocol.message_stream import latest

CAPTURES = Path(__file__).parents[2] / "captures"

NO_USAGE = UsageReported()


@dataclass(frozen=True)
class Heard:
    """An answer as the decoder understood it, up to its end or its failure."""

    text: str = ""
    thinking: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    end: Finished | None = None
    usage: UsageReported = NO_USAGE
    failure: BackendError | None = field(default=None, compare=False)

    @property
    def fault(self) -> str:
        """The kind of failure and its text, empty for an answer that is whole."""
        return "" if self.failure is None else f"{type(self.failure).__name__}: {self.failure}"

    @property
    def status(self) -> int | None:
        """The status of a server that refused."""
        return self.failure.status if isinstance(self.failure, BackendRejected) else None


def deltas_of(pieces: Iterable[bytes]) -> tuple[list[Delta], BackendError | None]:
    """Return what a decoder makes of an answer that arrives in these pieces."""
    decoder = OpenAiChat().decoder("text/event-stream")
    deltas: list[Delta] = []
    try:
        for piece in pieces:
            deltas += decoder.feed(piece)
        deltas += decoder.finish()
    except BackendError as error:
        return deltas, error
    return deltas, None


def hear(pieces: Iterable[bytes]) -> Heard:
    """Return the answer that arrives in these pieces."""
    deltas, failure = deltas_of(pieces)
    return put_together(deltas, failure)


def put_together(deltas: Iterable[Delta], failure: BackendError | None = None) -> Heard:
    """Return the answer that these deltas spell."""
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
                usage = latest(usage, delta)
            case Finished():
                end = delta
    return Heard(text, thinking, tuple(calls[slot] for slot in sorted(calls)), end, usage, failure)


def capture(name: str) -> bytes:
    """Return the bytes of a recorded answer."""
    return (CAPTURES / name).read_bytes()
