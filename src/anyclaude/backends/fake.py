"""A `Backend` in memory: replays what it is told, and remembers what it was asked."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import assert_never

from msgspec import Struct

from anyclaude.dialects import WireRequest
from anyclaude.errors import BackendError

from .base import BackendReply
from .target import BackendTarget


class FakeReply(Struct, frozen=True, kw_only=True):
    """One reply: chunks to replay; an exception among them is raised in its place, an event is waited for."""

    chunks: Sequence[bytes | BackendError | asyncio.Event] = ()
    status: int = 200
    content_type: str = "text/event-stream"
    retry_after_seconds: float | None = None


class FakeBackend:
    """Gives one scripted reply after the other; an exception instead of a reply refuses the connection."""

    def __init__(self, target: BackendTarget, *script: FakeReply | BackendError) -> None:
        self._target = target
        self._script = list(script)
        self.requests: list[WireRequest] = []
        self.open_replies = 0

    @property
    def target(self) -> BackendTarget:
        """Which server this stands for."""
        return self._target

    @asynccontextmanager
    async def stream(self, request: WireRequest, within_seconds: float) -> AsyncGenerator[BackendReply, None]:
        """Answer with the next reply of the script."""
        self.requests.append(request)
        scripted = self._script.pop(0)
        if isinstance(scripted, BackendError):
            raise scripted
        self.open_replies += 1
        try:
            yield Replay(scripted)
        finally:
            self.open_replies -= 1


class Replay:
    """The state of replaying one reply."""

    def __init__(self, reply: FakeReply) -> None:
        self._chunks = iter(reply.chunks)
        self.status = reply.status
        self.content_type = reply.content_type
        self.retry_after_seconds = reply.retry_after_seconds

    async def read_chunk(self, within_seconds: float) -> bytes:
        for chunk in self._chunks:
            match chunk:
                case bytes():
                    return chunk
                case BackendError():
                    raise chunk
                case asyncio.Event():
                    await chunk.wait()
                case _:
                    assert_never(chunk)
        return b""

    async def read_error(self) -> bytes:
        return b"".join(chunk for chunk in self._chunks if isinstance(chunk, bytes))
