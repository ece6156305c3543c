"""A `Backend` in memory: replays a script, and records the requests it gets."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import assert_never

from msgspec import Struct

from anyclaude.backends.base import BackendReply
from anyclaude.backends.target import BackendTarget
from anyclaude.dialects import WireRequest
from anyclaude.errors import AnyclaudeError


class FakeReply(Struct, frozen=True, kw_only=True):
    """A scripted reply: chunks to replay; an exception among them is raised, and an event is awaited."""

    chunks: Sequence[bytes | AnyclaudeError | asyncio.Event] = ()
    status: int = 200
    content_type: str = "text/event-stream"
    retry_after_seconds: float | None = None
    location: str | None = None


class FakeBackend:
    """Returns one scripted reply after the other; an exception in place of a reply refuses the connection."""

    def __init__(self, target: BackendTarget, *script: FakeReply | AnyclaudeError) -> None:
        self._target = target
        self._script = list(script)
        self.requests: list[WireRequest] = []
        self.open_replies = 0

    @property
    def target(self) -> BackendTarget:
        """The server that this stands for."""
        return self._target

    @asynccontextmanager
    async def stream(self, request: WireRequest, within_seconds: float) -> AsyncGenerator[BackendReply, None]:
        """Return the next reply of the script; the time limit is ignored."""
        self.requests.append(request)
        scripted = self._script.pop(0)
        if isinstance(scripted, AnyclaudeError):
            raise scripted
        self.open_replies += 1
        try:
            yield Replay(scripted)
        finally:
            self.open_replies -= 1


class Replay:
    """A scripted reply that is being read."""

    def __init__(self, reply: FakeReply) -> None:
        self._chunks = iter(reply.chunks)
        self.status = reply.status
        self.content_type = reply.content_type
        self.retry_after_seconds = reply.retry_after_seconds
        self.location = reply.location

    def complete(self) -> None:
        """There is no connection to keep."""

    async def read_chunk(self, within_seconds: float) -> bytes:
        """Return the next chunk of the script; the time limit is ignored."""
        for chunk in self._chunks:
            match chunk:
                case bytes():
                    return chunk
                case AnyclaudeError():
                    raise chunk
                case asyncio.Event():
                    await chunk.wait()
                case _:
                    assert_never(chunk)
        return b""

    async def read_error(self) -> bytes:
        """Return the rest of the script's bytes."""
        return b"".join(chunk for chunk in self._chunks if isinstance(chunk, bytes))
