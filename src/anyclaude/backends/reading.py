"""Read the body of a reply: as bytes, or as the deltas that a decoder finds in it."""

from contextlib import suppress

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

    __slots__ = ("_decoder", "_feed", "_read_chunk", "is_over")

    def __init__(self, reply: BackendReply, decoder: DeltaDecoder) -> None:
        self._decoder = decoder
        self._read_chunk = reply.read_chunk
        self._feed = decoder.feed
        self.is_over = False
        """Whether the end of the reply was read; the deltas returned with it were the last."""

    @property
    def engine_progress(self) -> EngineProgress:
        """How far the engine says that it is."""
        return self._decoder.engine_progress

    async def read(self, within_seconds: float) -> list[Delta]:
        """
        Return the next deltas; the list is empty only when the reply is over.

        Each wait for bytes may take `within_seconds`.  Raises `BackendTimeout`, `BackendTruncated`, and the
        decoder's `BackendGarbled` and `BackendRejected`.
        """
        while chunk := await self._read_chunk(within_seconds):
            if deltas := self._feed(chunk):
                return deltas
        self.is_over = True
        return self._decoder.finish()


async def _read_into(body: bytearray, reply: BackendReply, within_seconds: float, max_bytes: int | None) -> None:
    while (max_bytes is None or len(body) < max_bytes) and (chunk := await reply.read_chunk(within_seconds)):
        body += chunk
