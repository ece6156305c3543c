"""An HTTP client that exposes the raw bytes, reads as slowly as the test wants, and can reset its connection."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.parts.raw_backend import MAX_WAIT_SECONDS, reset

from anyclaude.protocol.json_values import JsonObject

CLAUDE_CODE = {"User-Agent": "claude-cli/2.1.330 (external, cli)", "x-claude-code-session-id": "session-1"}
"""The headers that identify Claude Code and its session."""


@dataclass(frozen=True, slots=True)
class Head:
    """A status and headers, with names in lower case; `text` is the status line and the header lines as they came."""

    status: int
    headers: dict[str, str]
    text: str


@dataclass(frozen=True, slots=True)
class Response:
    """A complete response."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> JsonObject:
        """The body, decoded."""
        decoded: JsonObject = json.loads(self.body)
        return decoded

    @property
    def error(self) -> tuple[str, str]:
        """The type and the message of an Anthropic error; asserts that the body has exactly that structure."""
        body = json.loads(self.body)
        assert set(body) == {"type", "error", "request_id"}
        assert body["type"] == "error"
        assert set(body["error"]) == {"type", "message"}
        assert body["request_id"] == self.headers["request-id"]
        return body["error"]["type"], body["error"]["message"]


class RawClient:
    """A client with one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._head: Head | None = None
        self._seen = b""

    async def send(self, data: bytes) -> None:
        """Send raw bytes."""
        self._writer.write(data)
        await self._writer.drain()

    async def ask(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Response:
        """Send a request and read its response."""
        await self.send(request(method, path, body, headers))
        return await self.response(has_body=method != "HEAD")

    async def response(self, has_body: bool = True) -> Response:
        """Read a response to its end; raises `ConnectionError` or `IncompleteReadError` if it is incomplete."""
        head = await self.head()
        pieces = [piece async for piece in self.pieces()] if has_body else []
        return Response(head.status, head.headers, b"".join(pieces))

    async def head(self) -> Head:
        """Read the head of a response."""
        raw = await self._within(self._reader.readuntil(b"\r\n\r\n"))
        text = raw.decode("latin-1").removesuffix("\r\n\r\n")
        status_line, *lines = text.split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        self._head = Head(int(status_line.split(" ")[1]), headers, text)
        return self._head

    async def pieces(self) -> AsyncIterator[bytes]:
        """Read the body in the pieces in which the gateway wrote it."""
        assert self._head is not None
        if self._head.headers.get("transfer-encoding") == "chunked":
            while piece := await self._chunk():
                yield piece
        elif length := int(self._head.headers.get("content-length", "0")):
            yield await self._within(self._reader.readexactly(length))

    async def event(self) -> JsonObject:
        """Read the next event of a stream that has begun."""
        while b"\n\n" not in self._seen:
            self._seen += await self._chunk()
        event, _, self._seen = self._seen.partition(b"\n\n")
        decoded: JsonObject = json.loads(event.partition(b"data: ")[2])
        return decoded

    async def events_until(self, kind: str) -> list[JsonObject]:
        """Read events up to and including the first one of a type."""
        events = [await self.event()]
        while events[-1]["type"] != kind:
            events.append(await self.event())
        return events

    async def read_until_closed(self) -> bytes:
        """Return the bytes received until the gateway closes the connection; raises `ConnectionError` on a reset."""
        return await self._within(self._reader.read())

    def end(self) -> None:
        """Send no more, and go on reading."""
        self._writer.write_eof()

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()

    def reset(self) -> None:
        """Reset the connection."""
        reset(self._writer)

    async def _chunk(self) -> bytes:
        """Read the next chunk of a chunked body; `b""` at its end."""
        size = int(await self._within(self._reader.readuntil(b"\r\n")), 16)
        piece = await self._within(self._reader.readexactly(size + 2))
        return piece.removesuffix(b"\r\n")

    async def _within(self, work: Awaitable[bytes]) -> bytes:
        return await asyncio.wait_for(work, MAX_WAIT_SECONDS)


@asynccontextmanager
async def connected(base_url: str, buffer_bytes: int = 2**16) -> AsyncIterator[RawClient]:
    """Connect for the duration of the context."""
    host, _, port = base_url.removeprefix("http://").rpartition(":")
    reader, writer = await asyncio.open_connection(host.strip("[]"), int(port), limit=buffer_bytes)
    try:
        yield RawClient(reader, writer)
    finally:
        writer.close()


async def ask(
    base_url: str, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> Response:
    """Send one request over a new connection and return the response."""
    async with connected(base_url) as client:
        return await client.ask(method, path, body, headers)


def request(method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> bytes:
    """Return the bytes of a request; the given headers replace the default ones."""
    defaults = {"Host": "127.0.0.1", "Content-Type": "application/json", "Content-Length": str(len(body))}
    lines = [f"{name}: {value}" for name, value in {**defaults, **(headers or {})}.items()]
    return "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode("latin-1") + body


def prompt(text: str = "Hello", **fields: object) -> bytes:
    """Return the body of a request for a streamed reply to `text`."""
    body: dict[str, object] = {
        "model": "claude-opus-5-5",
        "max_tokens": 64,
        "stream": True,
        "messages": [{"role": "user", "content": text}],
    }
    return json.dumps({**body, **fields}, ensure_ascii=False).encode()
