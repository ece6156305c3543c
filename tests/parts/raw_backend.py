"""
A model server on a real loopback socket, controlled by the test byte by byte.

The test receives each request as it arrives, sends any bytes, breaks the connection at any point, and can wait until
the other side has closed it.  Use `chat_server.py` where scripted replies suffice.
"""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Self

from anyclaude.protocol.json_values import JsonObject

MAX_WAIT_SECONDS = 20.0
"""Timeout of every wait; an event that takes longer will not happen."""

TERMINATOR = b"0\r\n\r\n"
"""The last chunk of a chunked body."""


@dataclass(eq=False)
class ReceivedRequest:
    """A request that has arrived, and the connection for its response."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    writer: asyncio.StreamWriter
    head: str = ""
    """The request line and the header lines, as they arrived."""
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the other side has closed or reset the connection."""

    @property
    def json(self) -> JsonObject:
        """The body, decoded."""
        decoded: JsonObject = json.loads(self.body)
        return decoded

    async def send(self, data: bytes) -> None:
        """Send raw bytes."""
        self.writer.write(data)
        await self.writer.drain()

    async def begin(self, status: int = 200, content_type: str = "text/event-stream", **headers: str) -> Self:
        """Send the head of a chunked reply."""
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        head = [f"HTTP/1.1 {status} Whatever", f"Content-Type: {content_type}", "Transfer-Encoding: chunked", *lines]
        await self.send("\r\n".join([*head, "", ""]).encode("latin-1"))
        return self

    async def chunk(self, data: bytes) -> None:
        """Send one chunk of the body of a reply that has begun."""
        await self.send(b"%x\r\n%s\r\n" % (len(data), data))

    async def event(self, value: object) -> None:
        """Send one server-sent event."""
        await self.chunk(b"data: %s\n\n" % json.dumps(value).encode())

    async def say(self, *texts: str) -> None:
        """Send text, one event for each argument."""
        for text in texts:
            await self.event({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]})

    async def finish(self, reason: str = "stop", prompt_tokens: int = 12) -> None:
        """Send the end of a complete reply: finish reason, usage, `[DONE]` and the end of the body."""
        await self.event({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
        await self.event({"choices": [], "usage": {"prompt_tokens": prompt_tokens, "completion_tokens": 3}})
        await self.chunk(b"data: [DONE]\n\n")
        await self.end()

    async def end(self) -> None:
        """End the body properly, whatever it contains."""
        await self.send(TERMINATOR)

    async def reply(self, *texts: str) -> None:
        """Send a complete reply."""
        await self.begin()
        await self.say(*texts)
        await self.finish()

    async def answer(self, status: int, body: bytes, content_type: str = "application/json", **headers: str) -> None:
        """Send a complete response."""
        await self.begin(status, content_type, **headers)
        if body:
            await self.chunk(body)
        await self.end()

    async def refuse(self, status: int, message: str, **headers: str) -> None:
        """Send an error in the format of OpenAI's API."""
        error = {"message": message, "type": "server_error", "code": status}
        await self.answer(status, json.dumps({"error": error}).encode(), **headers)

    def close(self) -> None:
        """Close the connection, even in the middle of a response."""
        self.writer.close()

    def reset(self) -> None:
        """Reset the connection."""
        reset(self.writer)

    async def wait_closed(self) -> None:
        """Wait until the other side has closed the connection."""
        await asyncio.wait_for(self.closed.wait(), MAX_WAIT_SECONDS)


class RawBackend:
    """A server that passes every request to the test."""

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.requests: list[ReceivedRequest] = []
        self.connections = 0
        self._arrivals: asyncio.Queue[ReceivedRequest] = asyncio.Queue()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()

    @property
    def origin(self) -> str:
        """The URL of the server."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        """The base URL for an OpenAI client."""
        return f"{self.origin}/v1"

    async def next_request(self) -> ReceivedRequest:
        """Wait for the next request."""
        return await asyncio.wait_for(self._arrivals.get(), MAX_WAIT_SECONDS)

    async def start(self) -> None:
        """Start to listen."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and abort every connection."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._open):
            writer.transport.abort()
        await asyncio.gather(*self._serving)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        received: ReceivedRequest | None = None
        try:
            while True:
                received = await _read_request(reader, writer)
                self.requests.append(received)
                self._arrivals.put_nowait(received)
        except (asyncio.IncompleteReadError, ConnectionError):
            if received is not None:
                received.closed.set()
        finally:
            self._open.discard(writer)
            writer.close()


@asynccontextmanager
async def raw_backend(port: int = 0) -> AsyncIterator[RawBackend]:
    """Serve on a loopback port, by default a free one, for the duration of the context."""
    backend = RawBackend(port)
    await backend.start()
    try:
        yield backend
    finally:
        await backend.stop()


def free_port() -> int:
    """Return a free loopback port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def reset(writer: asyncio.StreamWriter) -> None:
    """Reset a connection: the other side gets an error instead of an end of file."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> ReceivedRequest:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").removesuffix("\r\n\r\n")
    request_line, *lines = head.split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    method, path, _ = request_line.split(" ", 2)
    return ReceivedRequest(method, path, headers, body, writer, head)
