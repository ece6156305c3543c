"""A client that sends what others do not: bodies without an end, and thousands of sessions."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from .backend import MODEL

PIECE = 1 << 16

DRAIN_SECONDS = 2.0
"""A body of 31 MB takes a fraction of a second over loopback."""


class Client:
    """Sends requests to one port."""

    def __init__(self, port: int) -> None:
        self.answers = Counter[str]()
        """How often each status came, and how often the gateway broke a reply off."""
        self._port = port

    async def ask(self, body: bytes, session: str = "", path: str = "/v1/messages") -> None:
        """Send one request on a connection of its own, and read the answer to its end."""
        async with self._connected() as (reader, writer):
            await self._asked(reader, writer, body, session, path)

    async def ask_all(self, requests: Iterable[tuple[bytes, str]], path: str = "/v1/messages") -> None:
        """Send requests, each a body and a session, one after another on one connection."""
        async with self._connected() as (reader, writer):
            for body, session in requests:
                await self._asked(reader, writer, body, session, path, keeps_alive=True)

    @asynccontextmanager
    async def unfinished(self, count: int, size: int) -> AsyncGenerator[None, None]:
        """Send `count` bodies of `size` bytes but for their last byte, and leave them so within the block."""
        async with AsyncExitStack() as stack:
            for _ in range(count):
                await self._begin(stack, size)
            yield

    async def _begin(self, stack: AsyncExitStack, size: int) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", self._port)
        stack.callback(_abort, writer)
        writer.write(_head("/v1/messages", size, "", keeps_alive=False) + b"x" * (size - 1))
        with suppress(ConnectionError, TimeoutError):  # a body that is refused is not read to its end
            async with asyncio.timeout(DRAIN_SECONDS):
                await writer.drain()

    @asynccontextmanager
    async def _connected(self) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter], None]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            yield reader, writer
        finally:
            _abort(writer)

    async def _asked(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        body: bytes,
        session: str,
        path: str,
        *,
        keeps_alive: bool = False,
    ) -> None:
        writer.write(_head(path, len(body), session, keeps_alive=keeps_alive) + body)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if keeps_alive:
                await _read_body(reader, head.lower())
            else:
                while await reader.read(PIECE):
                    pass
        except (ConnectionError, asyncio.IncompleteReadError):
            self.answers["broken off"] += 1
        else:
            self.answers[head.split(b" ", 2)[1].decode()] += 1


def _abort(writer: asyncio.StreamWriter) -> None:
    """Close a connection at once, unless the gateway has done so."""
    if not writer.transport.is_closing():
        writer.transport.abort()


def message(*contents: object, is_streaming: bool = True, **fields: object) -> bytes:
    """Return a request whose turns have these contents, of user and assistant in turn."""
    turns = [
        {"role": "assistant" if number % 2 else "user", "content": content} for number, content in enumerate(contents)
    ]
    body = {"model": MODEL, "max_tokens": 1024, "stream": is_streaming, "messages": turns, **fields}
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


def tool(name: str) -> dict[str, object]:
    """Return the definition of a tool."""
    schema = {"type": "object", "properties": {"file_path": {"type": "string"}, "content": {"type": "string"}}}
    return {"name": name, "description": "Writes a file.", "input_schema": schema}


def _head(path: str, length: int, session: str, *, keeps_alive: bool) -> bytes:
    session_line = f"x-claude-code-session-id: {session}\r\n" if session else ""
    connection = "" if keeps_alive else "Connection: close\r\n"
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"anthropic-version: 2023-06-01\r\n{session_line}{connection}Content-Length: {length}\r\n\r\n"
    ).encode()


async def _read_body(reader: asyncio.StreamReader, head: bytes) -> None:
    if b"content-length:" in head:
        await reader.readexactly(int(head.partition(b"content-length:")[2].split(b"\r\n")[0]))
        return
    while size := int(await reader.readuntil(b"\r\n"), 16):
        await reader.readexactly(size + 2)
    await reader.readuntil(b"\r\n")
