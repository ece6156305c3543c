"""
One client's connection: what aiohttp leaves to us.

Errors that arise before there is a request still have the Anthropic shape, and a client
that drips its headers (slowloris) is dropped.
"""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.web_protocol import RequestHandler

from anyclaude.errors import AnyclaudeError, InvalidRequest

from .respond import error_response

MAX_BODY_BYTES = 32 * 1024 * 1024
"""The Messages API's own limit (docs: request size limits)."""

HEADER_SECONDS = 20.0
"""A request's head fits into one packet or two; nobody honest needs this long for it."""

KEEP_ALIVE_SECONDS = 600.0
"""A client thinks, edits and runs tools between two requests; reconnecting is cheap but not free."""

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class GatewayServer(web.Server):
    """Makes connections; `handler_cancellation` ends a request's work the moment its client is gone."""

    def __init__(self, handler: Handler, new_request_id: Callable[[], str]) -> None:
        super().__init__(handler, request_factory=self._new_request, handler_cancellation=True)
        self.new_request_id = new_request_id

    def __call__(self) -> RequestHandler:
        """Return the protocol of a new connection."""
        return GatewayConnection(self, asyncio.get_running_loop())

    def _new_request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: RequestHandler,
        writer: AbstractStreamWriter,
        task: "asyncio.Task[None]",
    ) -> web.BaseRequest:
        loop = asyncio.get_running_loop()
        return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=MAX_BODY_BYTES)


class GatewayConnection(RequestHandler):
    """aiohttp's connection with our errors and our patience."""

    __slots__ = ("_head_deadline", "_new_request_id")

    def __init__(self, server: GatewayServer, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(server, loop=loop, keepalive_timeout=KEEP_ALIVE_SECONDS)
        self._new_request_id = server.new_request_id
        self._head_deadline: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        """Watch over the time a request's head takes."""
        super().data_received(data)
        is_waiting = self._waiter is not None and not self._waiter.done()
        if is_waiting and self._head_deadline is None:
            self._head_deadline = self._loop.call_later(HEADER_SECONDS, self.force_close)
        elif not is_waiting and self._head_deadline is not None:
            self._head_deadline.cancel()
            self._head_deadline = None

    def connection_lost(self, exc: BaseException | None) -> None:
        """Let go of the deadline with the connection."""
        if self._head_deadline is not None:
            self._head_deadline.cancel()
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what went wrong outside of any handler, and close the connection."""
        if request.writer.output_size > 0:
            raise ConnectionError("the response has begun; it can only be broken off") from exc
        error = (
            InvalidRequest(f"the request could not be read as HTTP: {(message or 'bad syntax')[:200]}")
            if status == 400
            else AnyclaudeError("the gateway failed on this request; its terminal or log says why")
        )
        if status != 400:
            self.log_exception("a request failed", exc_info=exc)
        response = error_response(error, self._new_request_id())
        response.force_close()
        return response
