"""
A client's connection: what aiohttp leaves to the application.

Errors that occur before there is a request also have the Anthropic shape, and a client that sends its headers too
slowly (slowloris) is disconnected.
"""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.web_protocol import RequestHandler, _ErrInfo

from anyclaude.errors import AnyclaudeError, InvalidRequest

from .cross_origin import share_with
from .options import Limits
from .responses import error_response

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def closed_by_gateway(request: web.BaseRequest) -> bool:
    """Return whether the gateway closed the connection of a running request, which it does only when it stops."""
    return isinstance(request.protocol, GatewayConnection) and request.protocol.closed_by_gateway


class GatewayServer(web.Server):
    """Creates connections; `handler_cancellation` cancels a request's handler as soon as its client disconnects."""

    def __init__(
        self,
        handler: Handler,
        limits: Limits,
        new_request_id: Callable[[], str],
        allows_origin: Callable[[str], bool],
    ) -> None:
        super().__init__(handler, request_factory=self._new_request, handler_cancellation=True)
        self.limits = limits
        self.new_request_id = new_request_id
        self.allows_origin = allows_origin

    def __call__(self) -> RequestHandler:
        """Return the protocol of a new connection."""
        return GatewayConnection(self, asyncio.get_running_loop())

    def close_idle_connections(self) -> None:
        """Close the connections without a request; the others are closed after theirs."""
        for connection in self.connections:
            connection.close()
            if isinstance(connection, GatewayConnection) and connection.is_idle:
                connection.force_close()

    def _new_request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: RequestHandler,
        writer: AbstractStreamWriter,
        task: "asyncio.Task[None]",
    ) -> web.BaseRequest:
        loop = asyncio.get_running_loop()
        request = GatewayRequest(message, payload, protocol, writer, task, loop, client_max_size=self.limits.body_bytes)
        origin = request.headers.get("Origin")
        request.shared_with = origin if origin is not None and self.allows_origin(origin) else None
        return request


class GatewayRequest(web.BaseRequest):
    """A request whose every response, errors and streams too, can be read by the page at `shared_with`."""

    shared_with: str | None = None

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        if self.shared_with is not None:
            share_with(self.shared_with, response)


class GatewayConnection(RequestHandler):
    """aiohttp's connection, with errors in the Anthropic shape, and deadlines for silent clients and slow heads."""

    __slots__ = ("_deadline", "_head_began", "_is_lost", "_limits", "_new_request_id", "closed_by_gateway")

    def __init__(self, server: GatewayServer, loop: asyncio.AbstractEventLoop) -> None:
        limits = server.limits
        super().__init__(
            server,
            loop=loop,
            keepalive_timeout=limits.idle_seconds,
            lingering_time=limits.linger_seconds,
            auto_decompress=False,  # a bomb would go off before the token is checked
        )
        self._limits = limits
        self._new_request_id = server.new_request_id
        self.closed_by_gateway = False
        self._is_lost = False
        self._head_began = False
        self._deadline: asyncio.TimerHandle | None = None

    @property
    def is_idle(self) -> bool:
        """Whether it waits for a request, or for the rest of its head."""
        return self._current_request is None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Limit the time until the first request."""
        super().connection_made(transport)
        self._set_deadline(self._limits.idle_seconds)

    def data_received(self, data: bytes) -> None:
        """Limit the time from the first byte of a request's head to its last."""
        super().data_received(data)
        self._break_off_body()
        is_waiting = self._waiter is not None and not self._waiter.done()
        if not is_waiting:
            self._head_began = False
            self._set_deadline(None)
        elif data and not self._head_began:
            self._head_began = True
            self._set_deadline(self._limits.head_seconds)

    def _break_off_body(self) -> None:
        """Tell the request that reads its body that the rest cannot be read; aiohttp queues the error behind it."""
        request = self._current_request
        if request is None or request.content.is_eof() or not self._messages:
            return
        if isinstance(self._messages[-1][0], _ErrInfo):
            request.content.set_exception(web.RequestPayloadError(self._messages[-1][0].message))
            self._messages.clear()
            self._lingering_time = 0.0  # what follows cannot be read either
            self.close()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Cancel the deadline."""
        self._set_deadline(None)
        self._is_lost = True
        super().connection_lost(exc)

    def force_close(self) -> None:
        """Close the connection, and note that the gateway closed it, unless it was lost already."""
        self.closed_by_gateway = self.closed_by_gateway or not self._is_lost
        super().force_close()

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
