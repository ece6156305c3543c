"""The load generator: connections that send a request and record each event of the reply on arrival."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A contestant's port and path; `marker` occurs once in each of its events with text."""

    port: int
    path: str
    marker: bytes

    def request(self, body: bytes, session: int) -> bytes:
        """Return the bytes of a request with the headers that Claude Code sends."""
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nContent-Type: application/json\r\n"
            "Accept: application/json\r\nanthropic-version: 2023-06-01\r\nAuthorization: Bearer benchmark\r\n"
            "User-Agent: claude-cli/2.1.330 (external, cli)\r\nx-app: cli\r\n"
            f"x-claude-code-session-id: 00000000-0000-4000-8000-{session:012d}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


class LoadError(Exception):
    """A contestant did not answer correctly."""


@dataclass(slots=True)
class Reply:
    """The tokens received of one reply, with the times of its request and first event."""

    asked_at: float
    first_at: float | None = None
    tokens: int = 0

    @property
    def wait(self) -> float:
        """
        Seconds from the request to the first event with text.

        Raises:
            LoadError: when the reply ended without text.
        """
        if self.first_at is None:
            raise LoadError("a reply ended without text")
        return self.first_at - self.asked_at


EventsSeen = Callable[[int, int, float], None]
"""Called with the position of the first new event, the number of new events, and the time."""


class Connection(asyncio.Protocol):
    """One keep-alive connection for one request at a time."""

    def __init__(self, endpoint: Endpoint, clock: Callable[[], float]) -> None:
        self._marker = endpoint.marker
        self._clock = clock
        self._transport: asyncio.WriteTransport | None = None
        self._body: BodyReader | None = None
        self._head = b""
        self._tail = b""
        self._reply = Reply(0.0)
        self._seen: EventsSeen | None = None
        self._text: list[bytes] | None = None
        self._done: asyncio.Future[Reply] | None = None

    async def ask(self, request: bytes, seen: EventsSeen | None = None, text: list[bytes] | None = None) -> Reply:
        """
        Send a request, and wait for the end of the reply; the bytes of the body are appended to `text`.

        Raises:
            LoadError: when the connection is closed, or the reply is incomplete or an error.
        """
        if self._transport is None:
            raise LoadError("the connection was closed")
        self._body, self._head, self._tail = None, b"", b""
        self._seen, self._text = seen, text
        self._done = asyncio.get_running_loop().create_future()
        self._reply = Reply(self._clock())
        self._transport.write(request)
        return await self._done

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport."""
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's class does not derive from it

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the pending request."""
        self._transport = None
        if self._done is not None and not self._done.done():
            self._done.set_exception(LoadError(f"the connection was closed in the middle of a reply: {exc or 'FIN'}"))

    def data_received(self, data: bytes) -> None:
        """Process more bytes of the reply."""
        now = self._clock()
        if self._done is None or self._done.done():
            return
        try:
            self._take(data, now)
        except LoadError as error:
            self._done.set_exception(error)

    def _take(self, data: bytes, now: float) -> None:
        if self._body is None:
            head, end, data = (self._head + data).partition(b"\r\n\r\n")
            if not end:
                self._head = head
                return
            self._body = _body_reader(head)
        payload = self._body.feed(data)
        if self._text is not None:
            self._text.append(payload)
        tokens = self._count(payload)
        if tokens:
            if self._reply.first_at is None:
                self._reply.first_at = now
            if self._seen is not None:
                self._seen(self._reply.tokens, tokens, now)
            self._reply.tokens += tokens
        if self._body.is_whole and self._done is not None:
            self._done.set_result(self._reply)

    def _count(self, payload: bytes) -> int:
        """Count the markers, including one that two payloads split."""
        searched = self._tail + payload
        self._tail = searched[1 - len(self._marker) :]
        return searched.count(self._marker)


class BodyReader:
    """Removes the chunk framing from a body."""

    def __init__(self, length: int | None) -> None:
        self._length = length
        self._missing = 0
        self._is_last = False
        self._frame = b""
        self.is_whole = False

    def feed(self, data: bytes) -> bytes:
        """Return the content in `data`."""
        if self._length is None:
            return b"".join(self._chunks(self._frame + data))
        self._length -= len(data)
        self.is_whole = self._length <= 0
        return data

    def _chunks(self, data: bytes) -> Iterator[bytes]:
        self._frame = b""
        start = 0
        while start < len(data):
            if self._missing:  # the CRLF after the content counts as part of it
                piece = data[start : start + self._missing]
                start += len(piece)
                content = piece[: max(self._missing - 2, 0)]
                self._missing -= len(piece)
                self.is_whole = self._is_last and not self._missing
                yield content
                continue
            end = data.find(b"\r\n", start)
            if end < 0:
                self._frame = data[start:]
                return
            size = int(data[start:end].partition(b";")[0], 16)
            self._missing = size + 2
            self._is_last = size == 0
            start = end + 2


def _body_reader(head: bytes) -> BodyReader:
    status, _, fields = head.lower().partition(b"\r\n")
    if b" 200 " not in status + b" ":
        raise LoadError(f"the response was {status.decode(errors='replace')}")
    if b"transfer-encoding: chunked" in fields:
        return BodyReader(None)
    _, _, length = fields.partition(b"content-length:")
    return BodyReader(int(length.partition(b"\r\n")[0]))


@asynccontextmanager
async def connections(
    endpoint: Endpoint, count: int, clock: Callable[[], float]
) -> AsyncGenerator[list[Connection], None]:
    """Open connections, and close them when the block ends."""
    loop = asyncio.get_running_loop()
    opened: list[tuple[asyncio.Transport, Connection]] = []
    try:
        for _ in range(count):
            opened.append(await loop.create_connection(lambda: Connection(endpoint, clock), "127.0.0.1", endpoint.port))
        yield [connection for _, connection in opened]
    finally:
        for transport, _ in opened:
            transport.abort()
