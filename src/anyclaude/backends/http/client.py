"""
Send one request over HTTP and read the bytes of its reply.

Every failure of the network becomes a `BackendError` here and nowhere else.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from io import BytesIO
from types import SimpleNamespace

import aiohttp

from anyclaude.backends.base import BackendReply
from anyclaude.backends.reading import read_available_body
from anyclaude.backends.target import BackendTarget
from anyclaude.dialects import WireRequest
from anyclaude.errors import BackendTimeout, BackendTruncated, BackendUnreachable

from .body import read_available

CONNECT_SECONDS = 10.0
"""A loopback or LAN server accepts at once; ten seconds also covers a TLS handshake with a hosted one."""

SECOND_LOOK_SECONDS = 0.01
"""Long enough for one turn of the event loop, in which it reads what waits in its sockets."""

MAX_WHOLE_BODY_BYTES = 1024 * 1024
"""A body of 300 kB takes 0.9 ms to send whole and 1.3 ms in pieces; 1 MB is where aiohttp advises against it."""

MAX_ERROR_BODY_BYTES = 64 * 1024
"""As much of an error's body as is read; the message in it is cut far shorter."""


def open_session(
    trusts_environment: bool, connect_seconds: float = CONNECT_SECONDS, keeps_connections: bool = True
) -> aiohttp.ClientSession:
    """
    Return the connections to all servers; whoever opens it closes it.

    `trusts_environment` lets the usual variables name a proxy, which no server on this machine is behind.
    How many connections there are is for the queue in front of each server to say, how long a reply may take
    for whoever reads it, and cookies are not kept: a request says all that is to be said.
    """
    tracing = aiohttp.TraceConfig()
    tracing.on_connection_reuseconn.append(_note_reuse)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, force_close=not keeps_connections),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect_seconds),
        trust_env=trusts_environment,
        trace_configs=[tracing],
    )


@dataclass(slots=True)
class Sending:
    """One attempt to send a request."""

    on_kept_connection: bool = False


class HttpBackend:
    """
    A `Backend` over HTTP.

    Connections are kept.  Some servers close one that they have promised to keep: llama.cpp does so after every
    streamed reply.  A request that such a connection swallows is sent again at once, on a new one.
    """

    def __init__(self, session: aiohttp.ClientSession, target: BackendTarget) -> None:
        self._session = session
        self._target = target
        authorization = target.authorization
        self._credentials = {} if authorization is None else {"Authorization": authorization.reveal()}
        self._headers = {"Content-Type": "application/json", **self._credentials}

    @property
    def target(self) -> BackendTarget:
        """Which server this is."""
        return self._target

    @asynccontextmanager
    async def stream(self, request: WireRequest, within_seconds: float) -> AsyncGenerator[BackendReply, None]:
        """Send `request` and wait for the status of the reply."""
        headers = {**(self._headers if request.body else self._credentials), "Accept": request.accept}
        url = (self._target.origin if request.at_root else self._target.address) + request.path
        where = f"{self._target.profile.title} at {self._target.address}"
        async with AsyncExitStack() as stack:
            with self._translated(where, within_seconds):
                async with asyncio.timeout(within_seconds):
                    response = await self._response_to(url, request, headers, stack)
            reply = HttpReply(response, where)
            stack.callback(reply.close)
            yield reply

    async def _response_to(
        self, url: str, request: WireRequest, headers: Mapping[str, str], stack: AsyncExitStack
    ) -> aiohttp.ClientResponse:
        """Send a request; `stack` gets what has to live as long as the response."""
        sending = Sending()
        try:
            return await _send(self._session, url, request, headers, sending)
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
            if not sending.on_kept_connection or _has_begun_to_answer(error):
                raise
        fresh = open_session(self._session.trust_env, keeps_connections=False)
        await stack.enter_async_context(fresh)
        return await _send(fresh, url, request, headers, Sending())

    @contextmanager
    def _translated(self, where: str, within_seconds: float) -> Iterator[None]:
        try:
            yield
        except aiohttp.ConnectionTimeoutError as error:
            raise BackendUnreachable(f"no connection to {where}: nobody answers there. Is it running?") from error
        except TimeoutError as error:
            raise BackendTimeout(f"{where} sent nothing for {within_seconds:g} s") from error
        except aiohttp.ClientConnectorError as error:
            raise BackendUnreachable(f"no connection to {where}: {error.strerror or error}. Is it running?") from error
        except ValueError as error:  # a port out of range, or a key that a header cannot carry
            raise BackendUnreachable(f"no request can be sent to {where}: {_said(error)}") from error
        except (aiohttp.ClientError, OSError) as error:
            raise BackendUnreachable(f"{where} broke the connection before it answered: {_said(error)}") from error


class HttpReply:
    """The reply to one request over HTTP."""

    def __init__(self, response: aiohttp.ClientResponse, where: str) -> None:
        self._response = response
        self._where = where
        self._idle_timer = IdleTimer(asyncio.get_running_loop(), self._give_up)
        self._lost = _end_of(response)
        if self._lost is not None:
            self._lost.add_done_callback(self._break_off)

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self._response.status

    @property
    def content_type(self) -> str:
        """The media type, without parameters."""
        return self._response.content_type

    @property
    def retry_after_seconds(self) -> float | None:
        """The `retry-after` header, where it is a number of seconds."""
        value = self._response.headers.get("Retry-After", "")
        return float(value) if value.isdigit() else None

    async def read_chunk(self, within_seconds: float) -> bytes:
        """Return the next bytes."""
        self._idle_timer.begin(within_seconds)
        try:
            return await read_available(self._response.content)
        except (aiohttp.ClientError, OSError) as error:
            raise BackendTruncated(f"{self._where} broke the connection in the middle of its reply") from error
        finally:
            self._idle_timer.end()

    async def read_error(self) -> bytes:
        """Return the beginning of an error's body."""
        return await read_available_body(self, CONNECT_SECONDS, MAX_ERROR_BODY_BYTES)

    def close(self) -> None:
        """Let go of the reply; an unfinished one takes its connection along, which is what stops the engine."""
        self._idle_timer.stop()
        if self._lost is not None:
            self._lost.remove_done_callback(self._break_off)
        self._response.close()

    def _give_up(self, seconds: float) -> None:
        """Wake the reader with an error, and let go of the connection."""
        self._response.content.set_exception(BackendTimeout(f"{self._where} sent nothing for {seconds:g} s"))

    def _break_off(self, lost: asyncio.Future[None]) -> None:
        """Wake the reader of a connection that is gone: aiohttp leaves it waiting where chunks are no chunks."""
        content = self._response.content
        if not content.is_eof() and content.exception() is None:
            content.set_exception(BackendTruncated(f"{self._where} broke off its reply, or garbled its framing"))


class IdleTimer:
    """
    Calls `broken_off` when a wait lasts too long.

    A stream waits once per token, so a wait costs two assignments here, not a timer: one timer
    runs at a time, and one that fires early sets itself again.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, broken_off: Callable[[float], None]) -> None:
        self._loop = loop
        self._broken_off = broken_off
        self._limit = 0.0
        self._due: float | None = None
        self._has_looked = False
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, seconds: float) -> None:
        """Start to wait."""
        self._limit = seconds
        self._due = self._loop.time() + seconds
        self._has_looked = False
        if self._timer is None or self._timer.when() > self._due:
            self._set(self._due)

    def end(self) -> None:
        """The wait is over."""
        self._due = None

    def stop(self) -> None:
        """Let go of the timer."""
        self.end()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._fire)

    def _fire(self) -> None:
        self._timer = None
        if self._due is None:
            return
        if self._loop.time() < self._due:
            self._set(self._due)
        elif not self._has_looked:  # where we were the ones who slept, what came meanwhile has not been read yet
            self._has_looked = True
            self._set(self._loop.time() + SECOND_LOOK_SECONDS)
        else:
            self._broken_off(self._limit)


async def _send(
    session: aiohttp.ClientSession, url: str, request: WireRequest, headers: Mapping[str, str], sending: Sending
) -> aiohttp.ClientResponse:
    return await session.request(
        request.method,
        url,
        data=_sendable(request.body),
        headers=headers,
        allow_redirects=False,
        trace_request_ctx=sending,
    )


async def _note_reuse(
    session: aiohttp.ClientSession, context: SimpleNamespace, parameters: aiohttp.TraceConnectionReuseconnParams
) -> None:
    """Called by aiohttp where a request goes out on a connection that has carried another one before."""
    if isinstance(context.trace_request_ctx, Sending):
        context.trace_request_ctx.on_kept_connection = True


def _has_begun_to_answer(error: aiohttp.ClientError) -> bool:
    """
    Whether a connection ended inside the head of a reply: aiohttp then hands over as much of it as it has.

    Of a connection that was reset it does not tell; then the server may be asked twice, but nobody has seen an answer.
    """
    return isinstance(error, aiohttp.ServerDisconnectedError) and not isinstance(error.message, str)


def _sendable(body: bytes) -> bytes | BytesIO | None:
    """Return a body to be written at once, or a large one in pieces, which let the other streams go on in between."""
    if not body:
        return None
    return body if len(body) <= MAX_WHOLE_BODY_BYTES else BytesIO(body)


def _end_of(response: aiohttp.ClientResponse) -> asyncio.Future[None] | None:
    """Return what is done when a reply's connection is gone, `None` if the whole reply is here already."""
    protocol = response.connection.protocol if response.connection is not None else None
    lost = protocol.closed if protocol is not None else None
    if lost is not None:
        lost.remove_done_callback(_note)  # a connection serves many replies
        lost.add_done_callback(_note)
    return lost


def _note(lost: asyncio.Future[None]) -> None:
    """Look at why a connection ended, so that nobody is told that nobody looked."""
    if not lost.cancelled():
        lost.exception()


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__
