"""How much memory a reply takes: what its exchange reserves, and the most that a reply may have."""

from collections.abc import Iterable
from sys import getsizeof
from typing import assert_never

from anyclaude.errors import BackendGarbled
from anyclaude.memory_budget import Reservation
from anyclaude.protocol.deltas import (
    CitedTextDelta,
    Delta,
    Finished,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    UsageReported,
)

DELTA_BYTES = 64
"""About what a delta takes beside its text, where its text is kept as a string of its own (49 bytes and a pointer)."""

MAX_REPLY_SIZE = 64 * 1024 * 1024
"""The 128,000 tokens that the client requests at most, each a delta of its own, are 9 MB; some servers send an empty
delta or a count with each, and a reply that breaks off is sent a second time."""


class ReplySize:
    """
    The size of what arrives for one client, in all its attempts.

    A reply may be held back by a filter, collected for a client that does not stream, and kept in order to be resumed.
    All of it is counted as if it were held once, whatever becomes of it.
    """

    def __init__(self, reservation: Reservation | None = None) -> None:
        self._bytes = 0
        self._reservation = reservation
        self.latest = 0
        """That of the last batch."""

    def add(self, deltas: list[Delta]) -> list[Delta]:
        """
        Count a batch of deltas, and return it.

        Raises:
            BackendGarbled: when the reply is larger than `MAX_REPLY_SIZE`.
            MemoryExhausted: when other requests fill the gateway's memory.
        """
        self.latest = size = size_in_bytes(deltas)
        self._bytes += size
        if self._bytes > MAX_REPLY_SIZE:
            raise BackendGarbled(f"the backend's reply takes more than {MAX_REPLY_SIZE:,} bytes; it may never end")
        if self._reservation is not None:
            self._reservation.grow(size)
        return deltas


def size_in_bytes(deltas: Iterable[Delta]) -> int:
    """Return about how much memory deltas take if each is kept."""
    size = 0
    for delta in deltas:
        # the exact type first: this is paid for once per token
        size += DELTA_BYTES + (_bytes(delta.text) if type(delta) is TextDelta else _text_bytes(delta))
    return size


def _text_bytes(delta: Delta) -> int:
    match delta:
        case TextDelta(text) | CitedTextDelta(text):
            return _bytes(text)
        case ThinkingDelta(text, signature):
            return _bytes(text) + _bytes(signature)
        case ToolCallDelta(_, name, arguments, written, raw_arguments, fields):
            texts = (name, arguments, written, raw_arguments)
            return sum(map(_bytes, texts)) + (0 if fields is None else fields.characters)
        case UsageReported() | Finished():
            return 0
        case _:
            assert_never(delta)


def _bytes(text: str) -> int:
    """Return the memory of a text: one emoji makes each of its characters take four bytes."""
    return len(text) if text.isascii() else getsizeof(text)
