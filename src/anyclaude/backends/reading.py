"""Read the body of a reply: as bytes, or as the deltas that a decoder finds in it."""

from collections.abc import Callable
from contextlib import suppress
from math import inf
from time import monotonic

from anyclaude.dialects import DeltaDecoder, EngineProgress
from anyclaude.errors import BackendTimeout, BackendTruncated
from anyclaude.protocol.deltas import Delta

from .base import BackendReply


async def read_body(reply: BackendReply, within_seconds: float, max_bytes: int | None = None) -> bytes:
    """
    Return the body, or its first `max_bytes`; each read may take `within_seconds`.

    Raises `BackendTimeout` and `BackendTruncated`.
    """
    body = bytearray()
    await _read_into(body, reply, within_seconds, max_bytes)
    return bytes(body[:max_bytes])


async def read_available_body(reply: BackendReply, within_seconds: float, max_bytes: int) -> bytes:
    """Return the first `max_bytes` of the body, or the part that arrived before the connection failed."""
    body = bytearray()
    with suppress(BackendTimeout, BackendTruncated):
        await _read_into(body, reply, within_seconds, max_bytes)
    return bytes(body[:max_bytes])


class DeltaReader:
    """
    Reads the deltas of one reply.

    This path is paid for once per token, so the two methods it needs are looked up once.
    """

    __slots__ = ("_clock", "_complete", "_decoder", "_feed", "_read_chunk", "is_over")

    def __init__(self, reply: BackendReply, decoder: DeltaDecoder, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._decoder = decoder
        self._complete = reply.complete
        self._read_chunk = reply.read_chunk
        self._feed = decoder.feed
        self.is_over = False
        """Whether the end of the reply was read; the deltas returned with it were the last."""

    @property
    def engine_progress(self) -> EngineProgress:
        """How far the engine says that it is."""
        return self._decoder.engine_progress

    async def read(self, within_seconds: float, in_all_seconds: float = inf) -> list[Delta]:
        """
        Return the next deltas; the list is empty only when the reply is over.

        Each wait for bytes may take `within_seconds`, and all of them `in_all_seconds`, however many bytes without a
        delta arrive: comments, empty chunks.  No wait follows the end that the server has marked.

        Raises:
            BackendTimeout: when a wait is over.
            BackendTruncated: when the connection breaks, or the reply is not whole.
            BackendGarbled: when the decoder cannot understand the bytes.
            BackendRejected: when they are a refusal.
        """
        give_up_at = self._clock() + in_all_seconds
        while not self._decoder.is_done and (chunk := await self._read_chunk(within_seconds)):
            if deltas := self._feed(chunk):
                return deltas
            within_seconds = min(within_seconds, give_up_at - self._clock())
            if within_seconds <= 0:
                raise BackendTimeout(f"the backend sent only signs of life for {in_all_seconds:g} s")
        self.is_over = True
        self._complete()
        return self._decoder.finish()


async def _read_into(body: bytearray, reply: BackendReply, within_seconds: float, max_bytes: int | None) -> None:
    while (max_bytes is None or len(body) < max_bytes) and (chunk := await reply.read_chunk(within_seconds)):
        body += chunk
