"""Read the body of a reply: as bytes, or as the deltas that a decoder finds in it."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from math import inf
from time import monotonic

from anyclaude.dialects import DeltaDecoder, EngineProgress, WireRequest
from anyclaude.errors import BackendGarbled, BackendTimeout, BackendTruncated
from anyclaude.protocol.deltas import Delta
from anyclaude.worker_threads import ReplySteps, ReplyWorkers

from .base import BackendReply

MAX_REPLY_BYTES = 256 * 1024 * 1024
"""The bytes of one reply, with comments and all.  A token takes some 250 bytes as a chunk, and 600 with the engine's
counts in each: the 128,000 tokens that the client requests at most are 77 MB."""

MAX_ANSWER_BYTES = 4 * 1024 * 1024
"""The answer to a question without a prompt.  The largest is the list of OpenRouter's models, under 1 MB; JSON of
nothing but empty objects takes up to 30 times its size in memory."""

ANSWER_BYTES_PER_BYTE = 8
"""What an answer may have in addition for each byte of its question: a prompt has at most one token per byte, and a
token is written with up to seven digits and a comma."""


def max_answer_bytes(question: WireRequest) -> int:
    """Return the size that no honest answer to a question reaches."""
    return MAX_ANSWER_BYTES + ANSWER_BYTES_PER_BYTE * len(question.body)


async def read_body(reply: BackendReply, within_seconds: float, max_bytes: int = MAX_ANSWER_BYTES) -> bytes:
    """
    Return the whole body; each read may take `within_seconds`.

    Raises `BackendTimeout` and `BackendTruncated`.

    Raises:
        BackendGarbled: when the body is larger than `max_bytes`.
    """
    body = bytearray()
    await _read_into(body, reply, within_seconds, max_bytes + 1)
    if len(body) > max_bytes:
        raise BackendGarbled(f"the backend's answer is larger than {max_bytes:,} bytes")
    return bytes(body)


async def read_available_body(reply: BackendReply, within_seconds: float, max_bytes: int) -> bytes:
    """Return the first `max_bytes` of the body, or the part that arrived in time and before the connection failed."""
    body = bytearray()
    with suppress(BackendTimeout, BackendTruncated, TimeoutError):
        async with asyncio.timeout(within_seconds):
            await _read_into(body, reply, within_seconds, max_bytes)
    return bytes(body[:max_bytes])


class DeltaReader:
    """
    Reads the deltas of one reply.

    This path is paid for once per token, so the two methods it needs are looked up once.
    """

    __slots__ = ("_bytes_left", "_clock", "_complete", "_decoder", "_feed", "_read_chunk", "_steps", "is_over")

    def __init__(
        self,
        reply: BackendReply,
        decoder: DeltaDecoder,
        clock: Callable[[], float] = monotonic,
        workers: ReplyWorkers | None = None,
    ) -> None:
        """`workers` decode what takes long."""
        self._clock = clock
        self._steps = ReplySteps(ReplyWorkers() if workers is None else workers)
        self._decoder = decoder
        self._complete = reply.complete
        self._read_chunk = reply.read_chunk
        self._feed = decoder.feed
        self._bytes_left = MAX_REPLY_BYTES
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
            BackendGarbled: when the decoder cannot understand the bytes, or there are more than `MAX_REPLY_BYTES`.
            BackendRejected: when they are a refusal.
        """
        give_up_at = self._clock() + in_all_seconds
        while not self._decoder.is_done and (chunk := await self._read_chunk(within_seconds)):
            self._bytes_left -= len(chunk)
            if self._bytes_left < 0:
                raise BackendGarbled(f"the backend's reply is larger than {MAX_REPLY_BYTES:,} bytes; it may never end")
            if deltas := await self._steps.take(self._decoded, [chunk], len(chunk)):
                return deltas
            within_seconds = min(within_seconds, give_up_at - self._clock())
            if within_seconds <= 0:
                raise BackendTimeout(f"the backend sent only signs of life for {in_all_seconds:g} s")
        self.is_over = True
        self._complete()
        return await self._steps.take(lambda _: self._decoder.finish(), [None], 0)

    def _decoded(self, chunks: list[bytes]) -> list[Delta]:
        return self._feed(chunks[0])


async def _read_into(body: bytearray, reply: BackendReply, within_seconds: float, max_bytes: int) -> None:
    while len(body) < max_bytes and (chunk := await reply.read_chunk(within_seconds)):
        body += chunk
