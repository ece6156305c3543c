"""
A model server on raw loopback sockets that plays scripted bytes and fails where the script says.

It serves many conversations at once: the script receives each request and returns the bytes to play.
Use `raw_backend.py` where the test itself decides each step.
"""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias, assert_never

LOOP_ITERATIONS = 6
"""Iterations the gateway needs, in the same event loop, to read the sent bytes before the fault follows."""


class Ending(Enum):
    """What happens to the connection after the last played byte."""

    PROPER = "the HTTP message is completed"
    CLOSED = "the connection is closed"
    RESET = "the connection is reset"
    STALLED = "the connection stays open and silent"


class Framing(Enum):
    """How the end of the body is marked."""

    CHUNKED = "by an empty chunk"
    UNTIL_CLOSE = "by the end of the connection"


@dataclass(frozen=True, slots=True)
class Play:
    """One response; each piece of the body is a separate write.  `head_bytes` truncates the head, without a body."""

    pieces: tuple[bytes, ...] = ()
    ending: Ending = Ending.PROPER
    framing: Framing = Framing.CHUNKED
    status: int = 200
    content_type: str = "text/event-stream"
    headers: Mapping[str, str] = field(default_factory=dict)
    head_bytes: int | None = None
    pause_seconds: float = 0.0
    """Pause between two writes; by default only as long as the gateway needs to read them."""

    def head(self) -> bytes:
        """Return the status line and the headers."""
        lines = [f"HTTP/1.1 {self.status} Whatever", f"Content-Type: {self.content_type}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if self.framing is Framing.CHUNKED:
            lines.append("Transfer-Encoding: chunked")
        else:
            lines.append("Connection: close")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")[: self.head_bytes]

    def writes(self) -> list[bytes]:
        """Return the bytes of each write, with framing but without the end of the body."""
        if self.head_bytes is not None:
            return [self.head()]
        return [self.head(), *(self._framed(piece) for piece in self.pieces if piece)]

    def _framed(self, piece: bytes) -> bytes:
        return b"%x\r\n%s\r\n" % (len(piece), piece) if self.framing is Framing.CHUNKED else piece


@dataclass(frozen=True, slots=True)
class Received:
    """One request; `attempt` counts the requests of its conversation from 0."""

    conversation: str
    attempt: int
    body: Mapping[str, object]

    @property
    def prefill(self) -> str:
        """The text that the reply has to continue, empty if the request is for a new reply."""
        last = messages_in(self.body)[-1]
        content = last.get("content")
        return content if last.get("role") == "assistant" and isinstance(content, str) else ""


Script: TypeAlias = Callable[[Received], Play | Awaitable[Play]]


class FaultyBackend:
    """The server: its address, the requests it has received, and the number of its open connections."""

    def __init__(self, script: Script, loop_iterations: int = LOOP_ITERATIONS) -> None:
        self.base_url = ""
        self.received: list[Received] = []
        self.connections = 0
        self.stalled = 0
        self.playing = 0
        self._script = script
        self._loop_iterations = loop_iterations
        self._attempts: dict[str, int] = {}
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    async def wait_until_released(self) -> None:
        """Wait until the gateway has released every reply that was not played to its end."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.playing == 0)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection, one after the other."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            while (body := await _read_request(reader)) is not None:
                if not await self._answer(body, reader, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.connections -= 1
            self._tasks.discard(task)
            writer.close()

    async def stop(self) -> None:
        """Cancel every reply that is still being played."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _answer(self, body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Play the response to one request; return whether the connection can be reused."""
        received = self._record(body)
        self.playing += 1
        try:
            play = self._script(received)
            if not isinstance(play, Play):
                play = await play
            for data in play.writes():
                _write(writer, data)
                await self._settle(writer, play.pause_seconds)
            return await self._end(play, reader, writer)
        finally:
            self.playing -= 1
            async with self._changed:
                self._changed.notify_all()

    def _record(self, body: bytes) -> Received:
        parsed = json.loads(body)
        conversation = conversation_of(parsed)
        attempt = self._attempts.get(conversation, 0)
        self._attempts[conversation] = attempt + 1
        received = Received(conversation, attempt, parsed)
        self.received.append(received)
        return received

    async def _settle(self, writer: asyncio.StreamWriter, pause_seconds: float) -> None:
        await writer.drain()
        if pause_seconds:
            await asyncio.sleep(pause_seconds)
            return
        for _ in range(self._loop_iterations):
            await asyncio.sleep(0)

    async def _end(self, play: Play, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        match play.ending:
            case Ending.PROPER:
                if play.framing is Framing.UNTIL_CLOSE:
                    return False
                _write(writer, b"0\r\n\r\n")
                await writer.drain()
                return True
            case Ending.CLOSED:
                return False
            case Ending.RESET:
                reset(writer)
                return False
            case Ending.STALLED:
                self.stalled += 1
                with suppress(ConnectionError):
                    await reader.read()
                return False
            case _:
                assert_never(play.ending)


@asynccontextmanager
async def faulty_backend(
    script: Script, loop_iterations: int = LOOP_ITERATIONS, port: int = 0
) -> AsyncIterator[FaultyBackend]:
    """Serve for the duration of the context, on a free loopback port unless one is given."""
    backend = FaultyBackend(script, loop_iterations)
    server = await asyncio.start_server(backend.serve, "127.0.0.1", port, backlog=4096)
    backend.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield backend
    finally:
        server.close()
        await backend.stop()


def messages_in(body: Mapping[str, object]) -> list[Mapping[str, object]]:
    """Return the messages of a Chat Completions request."""
    messages = body["messages"]
    assert isinstance(messages, list)
    return messages


def conversation_of(body: Mapping[str, object]) -> str:
    """Return the name of the conversation: the first text of the user."""
    content = next(message["content"] for message in messages_in(body) if message["role"] == "user")
    if isinstance(content, str):
        return content
    assert isinstance(content, list)
    return str(content[0]["text"])


def reset(writer: asyncio.StreamWriter) -> None:
    """Reset a connection if it is still open: the other side gets an error instead of an end of file."""
    connection = writer.get_extra_info("socket")
    if connection is not None and not writer.is_closing():
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    if writer.is_closing():
        raise ConnectionResetError("the gateway has disconnected")
    writer.write(data)


async def _read_request(reader: asyncio.StreamReader) -> bytes | None:
    """Return the body of the next request; None at the end of the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None
    lines = head.decode("latin-1").lower().split("\r\n")
    length = next(int(line.partition(":")[2]) for line in lines if line.startswith("content-length:"))
    return await reader.readexactly(length)
