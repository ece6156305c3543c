"""The gateway: accepts requests, checks them, routes them, and logs the exchanges with a model."""

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from aiohttp import web

from anyclaude.errors import AnyclaudeError, PortTaken, RequestError, ShuttingDown, forget_frames
from anyclaude.exchange import Caller, Clock, ExchangeListener, ExchangeLog, Outcome, caller_of

from .accepting import Acceptor, listening_sockets
from .connection import GatewayServer, closed_by_gateway, let_others_go_on, refusal_of
from .cross_origin import is_preflight, preflight_response
from .guard import Guard, host_in
from .options import GatewayOptions
from .passthrough import Passthrough
from .paths import canonical_path, requested_target
from .requests import RequestContext
from .responses import error_response
from .routes import HEALTH, RECORDED_PATHS, ROUTES, Routes, route_for
from .services import Services
from .shortage import Shortage

CLOSE_SECONDS = 1.0
"""How long a reply that was cut off may take to say so, and then to close its connection: a client that does not read
would hold the gateway for ever."""

FatalError = Callable[[], AnyclaudeError | None]
"""Returns the fatal error with which all requests are refused, `None` while there is none."""


class Gateway:
    """Answers the requests of clients on `port`."""

    def __init__(
        self,
        options: GatewayOptions,
        services: Services,
        listener: ExchangeListener,
        forward: Passthrough | None,
        clock: Clock,
        fatal_error: FatalError,
    ) -> None:
        self._options = options
        self._services = services
        self._listener = listener
        self._forward = forward
        self._clock = clock
        self._fatal_error = fatal_error
        self._guard = Guard(
            host=options.host,
            allowed_hosts=options.allowed_hosts,
            allowed_origins=options.allowed_origins,
            token=options.token,
        )
        self.routes: Routes = ROUTES if services.upstreams else HEALTH
        self.port = options.port

    @property
    def base_url(self) -> str:
        """The address at which a client on this machine reaches the gateway."""
        host = "127.0.0.1" if self._options.host in {"0.0.0.0", "::"} else self._options.host
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """
        Accept requests within the block; after it, running replies have the grace period to end.

        Raises:
            PortTaken: when another process listens on the port.
        """
        shortage = Shortage(self._clock.seconds)
        server = GatewayServer(self._handle, self._options.limits, new_request_id, self._guard.allows, shortage)
        acceptor = Acceptor(server, await self._listening_sockets(), self._clock)
        self.port = acceptor.port
        acceptor.start()
        try:
            yield
        finally:
            try:
                await acceptor.stop()
                server.close_idle_connections()
                await self._stop()
            finally:
                server.pre_shutdown()
                await server.shutdown(CLOSE_SECONDS)

    async def _stop(self) -> None:
        """Refuse the requests that wait, let the others end, and cut off those that take too long."""
        stopping = self._services.stopping
        stopping.has_begun = True
        for upstream in self._services.upstreams:
            upstream.admission.close()
        try:
            await stopping.wait_idle(self._options.grace_seconds)
        finally:
            stopping.cut()
            await stopping.wait_idle(CLOSE_SECONDS)

    def new_log(self, caller: Caller, path: str = "/v1/messages") -> ExchangeLog:
        """Return the log of a new exchange."""
        return ExchangeLog(new_request_id(), path, caller, self._clock, self._listener)

    async def _listening_sockets(self) -> Sequence[socket.socket]:
        host, port, listening = self._options.host, self._options.port, self._options.listening_socket
        try:
            return [listening] if listening else await listening_sockets(host, port)
        except OSError as error:
            raise PortTaken(
                f"cannot listen on {host} port {port}: {error.strerror}. "
                "Choose another with --port, or stop the process that uses it"
            ) from error

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, and announce the exchange to the listeners if it is one with a model."""
        await let_others_go_on(request)
        path = canonical_path(request.path)
        log = self.new_log(caller_of(request.headers), path)
        is_recorded = path in RECORDED_PATHS and not is_preflight(request.method, request.headers)
        if is_recorded:
            log.began()
        outcome: Outcome = "failed"
        try:
            with self._services.stopping.counted(), self._services.budget.reserve() as held:
                response = await self._answer(RequestContext(request, log, self._services, held))
            _end_unless_read(request, response)
            outcome = "completed" if log.error is None else "failed"
            return response
        except AnyclaudeError as error:
            log.failed(error)
            log.answered(error.status)
            outcome = "refused" if isinstance(error, RequestError) else "failed"
            return _refusal(error, log.request_id, request)
        except (asyncio.CancelledError, ConnectionError):
            if closed_by_gateway(request):
                log.failed(ShuttingDown("the gateway was stopped before the reply was complete"))
            outcome = "client_left" if log.error is None else "failed"
            raise
        finally:
            if is_recorded:
                log.ended(outcome)
                self._services.budget.enforce()
            if log.error is not None:
                forget_frames(log.error)

    async def _answer(self, context: RequestContext) -> web.StreamResponse:
        method, path = context.http.method, context.http.path
        if (refusal := refusal_of(context.http)) is not None:
            raise refusal
        self._guard.check_origin(context.http.headers)
        requested_target(context.http.raw_path, host_in(context.http.headers.get("Host", "")))
        if is_preflight(method, context.http.headers):
            return preflight_response(context.http.headers)
        self._guard.check_token(context.http.headers)
        if self._services.stopping.has_begun:
            raise ShuttingDown("the gateway is stopping and accepts no new requests")
        if canonical_path(path) in RECORDED_PATHS and (fatal := self._fatal_error()) is not None:
            raise fatal
        if self._forward is not None and path not in HEALTH:
            return await self._forward(context)
        return await route_for(method, path, self.routes)(context)


def _refusal(error: AnyclaudeError, request_id: str, request: web.BaseRequest) -> web.Response:
    """Return an error, after which no body that is still to come is read as a request."""
    response = error_response(error, request_id)
    _end_unless_read(request, response)
    return response


def _end_unless_read(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """End the connection after an answer if a body may follow that was not asked for: it would be read as a request."""
    if "Expect" in request.headers and not request.content.at_eof():
        response.force_close()


def new_request_id() -> str:
    """Return the identifier of a new request."""
    return new_id("req")


def new_id(prefix: str) -> str:
    """Return a globally unique identifier: `prefix` and 96 random bits."""
    return f"{prefix}_{secrets.token_hex(12)}"
