"""
A client's connection: what aiohttp leaves to the application.

Errors that occur before there is a request also have the Anthropic shape, and a client that sends its headers too
slowly (slowloris), or does not read its answer, is disconnected.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import HttpVersion10, HttpVersion11, StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.hdrs import METH_CONNECT
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import RequestHandler, _ErrInfo

from anyclaude.descriptors import most_client_connections
from anyclaude.errors import AnyclaudeError, ConnectionsExhausted, InvalidRequest

from .cross_origin import share_with
from .options import Limits
from .responses import error_response
from .shortage import Shortage

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

VERSIONS = frozenset({HttpVersion10, HttpVersion11})
"""The versions of HTTP that are spoken; the parser knows 0.9 and 2.0 as well, but only by name."""

SINGLE = (b"host", b"origin")
"""The headers that say where a request comes from: of two, a proxy and the guard could each believe another."""


def closed_by_gateway(request: web.BaseRequest) -> bool:
    """Return whether the gateway closed the connection of a running request, which it does only when it stops."""
    return isinstance(request.protocol, GatewayConnection) and request.protocol.closed_by_gateway


def refusal_of(request: web.BaseRequest) -> AnyclaudeError | None:
    """Return why a request is refused for what its connection is, or how it is framed; `None` if it is not."""
    return request.refusal if isinstance(request, GatewayRequest) else None


READ_BYTES = 16 * 1024
"""What aiohttp reads ahead of the request's handler: twice as much, or 1,024 chunks, which it takes apart in 2 ms."""

MAX_SHORT_CHUNKS = 16_384
"""The chunks of a body that may be short.  Each costs some 3 us whatever it has, a body of 30 MB in chunks of a byte a
minute and a half; a client that writes JSON value by value has 10,000 for 100 kB."""

MIN_CHUNK_BYTES = 32
"""What the chunks of a longer body have on average."""

CHUNK_FRAMING_BYTES = 6
"""Of the shortest chunks: their size in a digit or two, and two line ends."""


@dataclass(slots=True)
class ChunkedBody:
    """The chunks of a body that arrives, counted by the two line ends that each has; line ends in it count too."""

    content: StreamReader
    received_bytes: int = 0
    line_ends: int = 0

    def take(self, data: bytes) -> None:
        """Count what has arrived."""
        self.received_bytes += len(data)
        self.line_ends += data.count(b"\r\n")

    @property
    def has_too_many_chunks(self) -> bool:
        """Whether it has many, and they are short on average."""
        chunks = self.line_ends // 2
        return chunks > MAX_SHORT_CHUNKS and self.received_bytes < chunks * (MIN_CHUNK_BYTES + CHUNK_FRAMING_BYTES)


async def let_others_go_on(request: web.BaseRequest) -> None:
    """Let the event loop turn before a request if the next has arrived: their answers may not wait for anything."""
    if isinstance(request.protocol, GatewayConnection) and request.protocol.has_next_request:
        await asyncio.sleep(0)


class GatewayServer(web.Server):
    """Creates connections; `handler_cancellation` cancels a request's handler as soon as its client disconnects."""

    def __init__(
        self,
        handler: Handler,
        limits: Limits,
        new_request_id: Callable[[], str],
        allows_origin: Callable[[str], bool],
        shortage: Shortage,
    ) -> None:
        super().__init__(handler, request_factory=self._new_request, handler_cancellation=True)
        self.limits = limits
        self.new_request_id = new_request_id
        self.allows_origin = allows_origin
        self.shortage = shortage
        available = most_client_connections()
        self._most = limits.connections if available is None else min(limits.connections, available)
        self._open: set[GatewayConnection] = set()

    def __call__(self) -> "GatewayConnection":
        """Return the protocol of a new connection."""
        return GatewayConnection(self, asyncio.get_running_loop())

    def close_idle_connections(self) -> None:
        """Close the connections without a request; the others are closed after theirs."""
        for connection in tuple(self._open):
            connection.close()
            if connection.is_idle:
                connection.force_close()

    def opened(self, connection: "GatewayConnection") -> None:
        """Count a connection; of too many, those that have been idle longest are closed, or this one is refused."""
        while len(self._open) >= self._most:
            self.shortage.note(f"{self._most} connections are open, as many as `ulimit -n` and the gateway allow")
            if not self.close_longest_idle():
                connection.is_surplus = True
                break
        self._open.add(connection)

    def closed(self, connection: "GatewayConnection") -> None:
        """Count a connection no more."""
        self._open.discard(connection)

    def close_longest_idle(self) -> bool:
        """Close the connection that has been idle for the longest time; return whether one was idle."""
        idle = [connection for connection in self._open if connection.is_idle]
        if not idle:
            return False
        min(idle, key=lambda connection: connection.idle_since).abort()
        return True

    def _new_request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: RequestHandler,
        writer: AbstractStreamWriter,
        task: "asyncio.Task[None]",
    ) -> web.BaseRequest:
        refusal = _refusal(message, protocol)
        if refusal is not None or message.upgrade:  # the parser may drop what follows an upgrade
            version = message.version if message.version in VERSIONS else HttpVersion11
            message = message._replace(version=version, should_close=True)
        loop = asyncio.get_running_loop()
        request = GatewayRequest(message, payload, protocol, writer, task, loop, client_max_size=self.limits.body_bytes)
        origin = request.headers.get("Origin")
        request.shared_with = origin if origin is not None and self.allows_origin(origin) else None
        request.refusal = refusal
        if isinstance(protocol, GatewayConnection):
            protocol.answering(request)
        return request


class GatewayRequest(web.BaseRequest):
    """A request whose every response, errors and streams too, can be read by the page at `shared_with`."""

    shared_with: str | None = None
    refusal: AnyclaudeError | None = None

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        if self.shared_with is not None:
            share_with(self.shared_with, response)


class GatewayConnection(RequestHandler):
    """
    aiohttp's connection, with errors in the Anthropic shape.

    It has limits for what a client may leave open: a silence, a head, a refused body, an answer that is not read.
    """

    __slots__ = (
        "_chunks",
        "_deadline",
        "_discarded_bytes",
        "_end",
        "_head_began",
        "_head_bytes",
        "_is_lost",
        "_is_refused",
        "_limits",
        "_new_request_id",
        "_refused_body",
        "_request",
        "_server",
        "closed_by_gateway",
        "idle_since",
        "is_surplus",
    )

    def __init__(self, server: GatewayServer, loop: asyncio.AbstractEventLoop) -> None:
        limits = server.limits
        super().__init__(
            server,
            loop=loop,
            keepalive_timeout=limits.idle_seconds,
            lingering_time=limits.linger_seconds,
            read_bufsize=READ_BYTES,
            auto_decompress=False,  # a bomb would go off before the token is checked
        )
        self._limits = limits
        self._new_request_id = server.new_request_id
        self._server = server
        self.closed_by_gateway = False
        self.is_surplus = False
        """Whether it is one too many, so that its request is refused."""
        self.idle_since = loop.time()
        """When it was opened, or its last request answered, by the clock of the event loop."""
        self._is_lost = False
        self._is_refused = False
        """Whether nothing more of what arrives is read."""
        self._request: GatewayRequest | None = None
        self._refused_body: StreamReader | None = None
        self._head_began = False
        self._head_bytes = 0
        self._discarded_bytes = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._end: asyncio.TimerHandle | None = None
        self._chunks: ChunkedBody | None = None

    @property
    def is_idle(self) -> bool:
        """Whether it waits for a request, for the rest of its head, or for the end of a refused body."""
        return self._request is None and not self._messages

    @property
    def has_next_request(self) -> bool:
        """Whether the client has sent a request before the present one was answered."""
        return bool(self._messages)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Limit the time until the first request."""
        self._server.opened(self)
        super().connection_made(transport)
        self._set_deadline(self._limits.idle_seconds)

    def answering(self, request: GatewayRequest) -> None:
        """Note that a request is being answered from now on."""
        self._request, self._discarded_bytes = request, 0

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send what is left of an answer, and limit the time that its client takes to read it."""
        self._abort_in(self._limits.body_seconds)
        try:
            answered = await super().finish_response(request, resp, start_time)
            self._request, self._refused_body, self.idle_since = None, request.content, self._loop.time()
            if self._is_refused and not self._messages:
                await self._linger()
            return answered
        finally:
            self._abort_in(None)

    async def start(self) -> None:
        """Answer requests, and limit the time in which the last bytes have to be read."""
        try:
            await super().start()
        finally:
            self._request = None
            if self.transport is not None:
                self._abort_in(self._limits.linger_seconds)

    def data_received(self, data: bytes) -> None:
        """Limit the time from the first byte of a request's head to its last, and the bytes that are not used."""
        if self._is_refused:
            self._discard(data)
            return
        body, seen = self._arriving_body, self._request_count
        super().data_received(data)
        self._end_if_unreadable()
        self._count_chunks(data)
        if self._request_count > seen or body is not None or self._arriving_body is not None:
            self._head_bytes = 0
        elif self._is_discarding:
            self._discard(data)
        else:
            self._head_bytes += len(data)
            if self._head_bytes > self._limits.head_bytes:
                self._refuse_head()
        self._limit_head(data)

    @property
    def _is_discarding(self) -> bool:
        """Whether what arrives belongs to a body that was refused."""
        return self.is_idle and self._refused_body is not None and not self._refused_body.is_eof()

    @property
    def _arriving_body(self) -> StreamReader | None:
        """The body that is not complete, of the request that is answered, or of the last one that waits for it."""
        if self._messages:
            body = self._messages[-1][1]
        elif self._request is not None:
            body = self._request.content
        else:
            return None
        return None if body.is_eof() else body

    def _limit_head(self, data: bytes) -> None:
        if not self.is_idle or self._is_discarding:
            self._head_began = False
            self._set_deadline(None)
        elif data and not self._head_began:
            self._head_began = True
            self._set_deadline(self._limits.head_seconds)

    def _refuse_head(self) -> None:
        """Refuse a request whose head is too large, after those before it; the parser would take 1 MiB of it."""
        error = InvalidRequest(f"the head is larger than {self._limits.head_bytes:,} bytes")
        self._messages.append((_ErrInfo(status=400, exc=error, message=str(error)), EMPTY_PAYLOAD))
        self._is_refused = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _end_if_unreadable(self) -> None:
        """Read nothing more behind an error of syntax, and tell the request whose body it is in."""
        error = self._messages[-1][0] if self._messages else None
        if not isinstance(error, _ErrInfo):
            return
        self._is_refused = True
        unreadable = self._messages.pop()
        if (body := self._arriving_body) is not None:
            self._break_off(body, error.message)
        elif not self._is_discarding:
            self._messages.append(unreadable)

    def _break_off(self, body: StreamReader, reason: str) -> None:
        body.set_exception(web.RequestPayloadError(reason))
        self._lingering_time = 0.0  # aiohttp would read the body to its end

    def _count_chunks(self, data: bytes) -> None:
        """Read no more of a body that comes in too many short chunks, and tell its request."""
        if self._messages:
            message, content = self._messages[-1]
            if self._chunks is None or self._chunks.content is not content:
                is_chunked = isinstance(message, RawRequestMessage) and message.chunked
                self._chunks = ChunkedBody(content) if is_chunked and isinstance(content, StreamReader) else None
        body = self._chunks
        if body is None:
            return
        body.take(data)
        if body.content.is_eof():
            self._chunks = None
        elif body.has_too_many_chunks:
            self._chunks = None
            self._is_refused = True
            self._break_off(
                body.content,
                f"more than {MAX_SHORT_CHUNKS:,} chunks with fewer than {MIN_CHUNK_BYTES} bytes each; "
                "send longer ones, or Content-Length",
            )

    def _discard(self, data: bytes) -> None:
        """Discard what belongs to no request, up to a limit."""
        self._discarded_bytes += len(data)
        if self._discarded_bytes > self._limits.linger_bytes:
            self.abort()

    async def _linger(self) -> None:
        """Leave the client the time to read a refusal while it still sends: a reset would take it away."""
        if self.transport is not None:
            self.transport.write_eof()
            await asyncio.sleep(self._limits.linger_seconds)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Cancel the deadlines."""
        self._set_deadline(None)
        self._abort_in(None)
        self._is_lost = True
        super().connection_lost(exc)

    async def shutdown(self, timeout: float | None = 15.0) -> None:  # noqa: ASYNC109
        """Cancel the request that still runs, and close the connection."""
        self._note_closing()
        await super().shutdown(timeout)

    def force_close(self) -> None:
        """Close the connection."""
        self._note_closing()
        self._server.closed(self)
        super().force_close()

    def abort(self) -> None:
        """Close the connection at once, with what its client has not read yet."""
        self._note_closing()
        self._server.closed(self)
        if self.transport is not None:
            self.transport.abort()

    def _note_closing(self) -> None:
        """Note that the gateway closes the connection, unless it was lost already."""
        self.closed_by_gateway = self.closed_by_gateway or not self._is_lost

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """
        Answer a failure that no handler caught, and close the connection.

        Raises:
            ConnectionError: when no error can be sent, as the response has begun or the connection is lost.
        """
        if not isinstance(exc, ConnectionError) and status != 400:
            self.log_exception("a request failed", exc_info=exc)
        if request.writer.output_size > 0 or isinstance(exc, ConnectionError):
            raise ConnectionError("the connection is lost, or the response has begun and can only be cut off") from exc
        error = (
            InvalidRequest(f"the request could not be read as HTTP: {(message or 'bad syntax')[:200]}")
            if status == 400
            else AnyclaudeError("the gateway failed to handle this request; its log has the details")
        )
        response = error_response(error, self._new_request_id())
        response.force_close()
        return response

    def _set_deadline(self, seconds: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if seconds is None else self._loop.call_later(seconds, self.force_close)

    def _abort_in(self, seconds: float | None) -> None:
        if self._end is not None:
            self._end.cancel()
        self._end = None if seconds is None else self._loop.call_later(seconds, self.abort)


def _refusal(message: RawRequestMessage, connection: RequestHandler) -> AnyclaudeError | None:
    """Return why a request is refused before anything of it is used, `None` if it is not."""
    if isinstance(connection, GatewayConnection) and connection.is_surplus:
        return ConnectionsExhausted("too many clients are connected to the gateway; try again in a moment")
    if message.method == METH_CONNECT:
        return InvalidRequest("the gateway is no proxy: CONNECT is not served")
    names = [name.lower() for name, _ in message.raw_headers]
    if message.version not in VERSIONS:
        major, minor = message.version
        return InvalidRequest(f"HTTP/{major}.{minor} is not spoken here; use HTTP/1.1")
    if message.version == HttpVersion10 and b"transfer-encoding" in names:  # RFC 9112, section 6.1
        return InvalidRequest("Transfer-Encoding is not a part of HTTP/1.0; send a Content-Length, or use HTTP/1.1")
    twice = [name.decode() for name in SINGLE if names.count(name) > 1]
    return InvalidRequest(f"{twice[0].title()}: should be there once") if twice else None
