"""
Send one request over HTTP and read the bytes of its reply.

Every failure of the network becomes a `BackendError` here and nowhere else.
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from io import BytesIO
from types import SimpleNamespace

import aiohttp
from yarl import URL

from anyclaude.backends.base import BackendReply
from anyclaude.backends.reading import read_available_body
from anyclaude.backends.retry_after import retry_after_seconds
from anyclaude.backends.target import BackendTarget
from anyclaude.backends.tls import why_untrusted
from anyclaude.descriptors import are_exhausted, is_one_left
from anyclaude.dialects import WireRequest
from anyclaude.errors import (
    BackendError,
    BackendTimeout,
    BackendTruncated,
    BackendUnreachable,
    BackendUntrusted,
    ConnectionsExhausted,
)
from anyclaude.protocol.detached_data import attached, attached_size

from .body import read_available
from .way import headers_on_the_way, way_arguments

CONNECT_SECONDS = 10.0
"""A loopback or LAN server accepts at once; ten seconds also covers a TLS handshake with a hosted one."""

RECHECK_SECONDS = 0.01
"""Long enough for one turn of the event loop, in which it reads the bytes that wait in its sockets."""

MAX_WHOLE_BODY_BYTES = 1024 * 1024
"""A body of 300 kB takes 0.9 ms to send whole and 1.3 ms in pieces; 1 MB is where aiohttp advises against it."""

MAX_ERROR_BODY_BYTES = 64 * 1024
"""The part of an error's body that is read; the message in it is shortened much further."""

UNCOMPRESSED = {"Accept-Encoding": "identity"}
"""On the way from a server nearby, compression costs more than it saves, and delays tokens.  What a proxy compresses
nevertheless is unpacked, in pieces of what is read at once."""

KEEP_SECONDS = 0.25
"""How long the body of a complete reply may take to end.  An honest server has sent the last bytes of its framing with
the reply, or a round trip later; meanwhile no client waits, and no turn is held."""

MAX_DISCARDED_BYTES = 64 * 1024
"""What may follow a complete reply before its connection is not worth keeping."""


def open_session(
    connect_seconds: float = CONNECT_SECONDS, *, keeps_connections: bool = True, socket_path: str | None = None
) -> aiohttp.ClientSession:
    """
    Return a session, which holds the connections to all servers, or to the one at `socket_path`; the caller closes it.

    The session takes nothing from the environment: a server's target says how it is reached.  It limits neither
    connections (each server has a request queue) nor the duration of a reply (its reader does), and keeps no cookies,
    so that requests are independent of each other.
    """
    tracing = aiohttp.TraceConfig()
    tracing.on_connection_reuseconn.append(_note_reuse)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, force_close=not keeps_connections)
        if socket_path is None
        else aiohttp.UnixConnector(socket_path, limit=0, force_close=not keeps_connections),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect_seconds),
        trace_configs=[tracing],
    )


@dataclass(slots=True)
class SendAttempt:
    """One attempt to send a request."""

    on_reused_connection: bool = False


class HttpBackend:
    """
    A `Backend` over HTTP.

    Connections are kept alive.  Some servers close one that they promised to keep: llama.cpp does so after every
    streamed reply.  A request that is lost on such a connection is sent again at once, on a new one.
    """

    def __init__(self, session: aiohttp.ClientSession, target: BackendTarget) -> None:
        self._session = session
        self._target = target
        self._endpoint = target.endpoint
        self._where = f"{target.profile.title} at {self._endpoint.shown}"
        self._way = way_arguments(self._endpoint, target.way)
        authorization = target.authorization
        self._credentials = headers_on_the_way(self._endpoint, target.way)
        if authorization is not None:
            self._credentials["Authorization"] = authorization.reveal()
        self._headers = {"Content-Type": "application/json", **self._credentials}
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def target(self) -> BackendTarget:
        """The server's address, model and profile."""
        return self._target

    @asynccontextmanager
    async def stream(self, request: WireRequest, within_seconds: float) -> AsyncGenerator[BackendReply, None]:
        """
        Send `request` and wait for the status of the reply.

        Raises `BackendUnreachable`, `BackendTimeout` and `ConnectionsExhausted`.
        """
        headers = {**(self._headers if request.body else self._credentials), "Accept": request.accept, **UNCOMPRESSED}
        url = self._endpoint.url_of(request.path, at_root=request.at_root)
        async with AsyncExitStack() as stack:
            with translated_errors(self._where, within_seconds):
                async with asyncio.timeout(within_seconds):
                    response = await self._response_to(url, request, headers, stack)
            reply = HttpReply(response, self._where, self._keep_if_it_ends)
            stack.callback(reply.close)
            yield reply

    async def _response_to(
        self, url: str, request: WireRequest, headers: Mapping[str, str], stack: AsyncExitStack
    ) -> aiohttp.ClientResponse:
        """Send a request; `stack` gets the resources that must live as long as the response."""
        attempt = SendAttempt()
        try:
            return await self._send(self._session, url, request, headers, attempt)
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
            if not attempt.on_reused_connection or _has_begun_to_answer(error):
                raise
        fresh = open_session(keeps_connections=False, socket_path=self._endpoint.socket_path)
        await stack.enter_async_context(fresh)
        return await self._send(fresh, url, request, headers, SendAttempt())

    async def _send(
        self,
        session: aiohttp.ClientSession,
        url: str,
        request: WireRequest,
        headers: Mapping[str, str],
        attempt: SendAttempt,
    ) -> aiohttp.ClientResponse:
        return await session.request(
            request.method,
            URL(url, encoded=True),
            data=_sendable(request),
            headers={**headers, **_length_with_data(request)},
            allow_redirects=False,
            trace_request_ctx=attempt,
            **self._way,
        )

    def _keep_if_it_ends(self, response: aiohttp.ClientResponse) -> None:
        """Keep the connection of a complete reply if its body ends within moments, and close it otherwise."""
        task = asyncio.create_task(_read_to_the_end(response))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


class HttpReply:
    """The reply to one request over HTTP."""

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        where: str,
        keep_if_it_ends: Callable[[aiohttp.ClientResponse], None] = aiohttp.ClientResponse.close,
    ) -> None:
        """`keep_if_it_ends` closes the response of a reply that is complete before its body has ended."""
        self._response = response
        self._where = where
        self._keep_if_it_ends = keep_if_it_ends
        self._is_complete = False
        self._idle_timer = IdleTimer(asyncio.get_running_loop(), self._time_out)
        self._connection_lost = _connection_lost(response)
        if self._connection_lost is not None:
            self._connection_lost.add_done_callback(self._fail)

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
        """The delay that the `retry-after` header names."""
        return retry_after_seconds(self._response.headers.get("Retry-After", ""))

    @property
    def location(self) -> str | None:
        """Where a redirection leads, if the server said it."""
        return self._response.headers.get("Location")

    async def read_chunk(self, within_seconds: float) -> bytes:
        """
        Return the next bytes, `b""` at the end.

        Raises:
            BackendTimeout: when no bytes arrive within `within_seconds`.
            BackendTruncated: when the connection breaks.
        """
        self._idle_timer.start(within_seconds)
        try:
            return await read_available(self._response.content)
        except (aiohttp.ClientError, OSError) as error:
            raise BackendTruncated(f"{self._where} broke the connection in the middle of its reply") from error
        finally:
            self._idle_timer.pause()

    async def read_error(self) -> bytes:
        """Return the beginning of an error's body: the status alone shows that it is an error, so none may be read."""
        return await read_available_body(self, CONNECT_SECONDS, MAX_ERROR_BODY_BYTES)

    def complete(self) -> None:
        """Note that nothing more of the body is needed: its connection can carry the next request once it ends."""
        self._is_complete = True

    def close(self) -> None:
        """Close the reply; if it is unfinished, its connection is closed too, which stops the engine."""
        self._idle_timer.stop()
        if self._connection_lost is not None:
            self._connection_lost.remove_done_callback(self._fail)
        if self._is_complete and not self._response.content.at_eof():
            self._keep_if_it_ends(self._response)
        else:
            self._response.close()

    def _time_out(self, seconds: float) -> None:
        """Wake the reader with an error."""
        self._response.content.set_exception(BackendTimeout(f"{self._where} sent nothing for {seconds:g} s"))

    def _fail(self, connection_lost: asyncio.Future[None]) -> None:
        """Wake the reader of a lost connection: aiohttp leaves it waiting when the chunked framing is invalid."""
        content = self._response.content
        if not content.is_eof() and content.exception() is None:
            content.set_exception(
                BackendTruncated(
                    f"{self._where} closed the connection in the middle of its reply, or garbled its framing"
                )
            )


class IdleTimer:
    """
    Calls `on_timeout` with the limit when a wait exceeds it.

    A stream waits once per token, so a wait costs two assignments here instead of a timer: one timer runs at a time,
    and one that fires early is set again.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, on_timeout: Callable[[float], None]) -> None:
        self._loop = loop
        self._on_timeout = on_timeout
        self._limit = 0.0
        self._due: float | None = None
        self._is_rechecking = False
        self._timer: asyncio.Handle | None = None
        self._fires_at = 0.0  # uvloop's handle of a timer that is due at once does not know it

    def start(self, seconds: float) -> None:
        """Start a wait with this limit."""
        self._limit = seconds
        self._due = self._loop.time() + seconds
        self._is_rechecking = False
        if self._timer is None or self._fires_at > self._due:
            self._set(self._due)

    def pause(self) -> None:
        """End the wait; the timer may keep running."""
        self._due = None

    def stop(self) -> None:
        """End the wait and cancel the timer."""
        self.pause()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._fires_at = when
        self._timer = self._loop.call_at(when, self._fire)

    def _fire(self) -> None:
        self._timer = None
        if self._due is None:
            return
        if self._loop.time() < self._due:
            self._set(self._due)
        elif not self._is_rechecking:  # if this process was suspended, bytes may have arrived that are not read yet
            self._is_rechecking = True
            self._set(self._loop.time() + RECHECK_SECONDS)
        else:
            self._on_timeout(self._limit)


@contextmanager
def translated_errors(where: str, within_seconds: float) -> Iterator[None]:
    """
    Raise the failures of sending a request as `BackendError`.

    Raises:
        BackendUnreachable: when no connection can be made, or it breaks.  Also raised if the request cannot be sent.
        BackendUntrusted: when the server's certificate is not trusted.
        BackendTimeout: when there is no answer after `within_seconds`.
        ConnectionsExhausted: when this process has no descriptor left for a connection.
    """
    try:
        yield
    except aiohttp.ConnectionTimeoutError as error:
        raise BackendUnreachable(f"no connection to {where}: nothing answers there. Is it running?") from error
    except TimeoutError as error:
        raise BackendTimeout(f"{where} sent nothing for {within_seconds:g} s") from error
    except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError) as error:
        raise _failed_handshake(where, error) from error
    except aiohttp.ClientConnectorError as error:
        if are_exhausted(error) or (isinstance(error, aiohttp.ClientConnectorDNSError) and not is_one_left()):
            raise ConnectionsExhausted(
                f"no descriptor is left for a connection to {where}. Raise the limit (`ulimit -n`)"
            ) from error
        raise BackendUnreachable(f"no connection to {where}: {error.strerror or error}. Is it running?") from error
    except ValueError as error:  # a port out of range, or a key that a header cannot carry
        raise BackendUnreachable(f"no request can be sent to {where}: {_description(error)}") from error
    except (aiohttp.ClientError, OSError) as error:
        raise BackendUnreachable(f"{where} broke the connection before it answered: {_description(error)}") from error


def _failed_handshake(
    where: str, error: aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError
) -> BackendError:
    """Return the failure of a handshake: what is wrong with the certificate, or with the connection's encryption."""
    cause = error.certificate_error if isinstance(error, aiohttp.ClientConnectorCertificateError) else error.os_error
    if not isinstance(cause, ssl.SSLCertVerificationError):
        return BackendUnreachable(f"no encrypted connection to {where}: {cause}")
    return BackendUntrusted(f"the certificate of {where} is not trusted: {why_untrusted(cause)}")


async def _read_to_the_end(response: aiohttp.ClientResponse) -> None:
    """Discard what follows the end of a reply, a few bytes of framing nearly always; give up after a moment."""
    discarded_bytes = 0
    try:
        async with asyncio.timeout(KEEP_SECONDS):
            while discarded_bytes < MAX_DISCARDED_BYTES and (data := await read_available(response.content)):
                discarded_bytes += len(data)
    except (TimeoutError, aiohttp.ClientError, OSError, BackendError, RuntimeError):
        pass  # aiohttp raises the last for a connection that is closed
    finally:
        response.close()


async def _note_reuse(
    session: aiohttp.ClientSession, context: SimpleNamespace, parameters: aiohttp.TraceConnectionReuseconnParams
) -> None:
    """Note that a request is sent on a connection that has carried another one; aiohttp calls this."""
    if isinstance(context.trace_request_ctx, SendAttempt):
        context.trace_request_ctx.on_reused_connection = True


def _has_begun_to_answer(error: aiohttp.ClientError) -> bool:
    """
    Return whether a connection ended inside the head of a reply, of which aiohttp then passes on the part it has.

    For a connection that was reset it does not; then the server may get the request twice, but no answer is lost.
    """
    return isinstance(error, aiohttp.ServerDisconnectedError) and not isinstance(error.message, str)


def _sendable(request: WireRequest) -> bytes | BytesIO | AsyncGenerator[bytes, None] | None:
    """Return a body to be written at once; a large one in pieces, between which the other streams can run."""
    body = request.body
    if not body:
        return None
    if request.data:
        return _with_data(request)
    return body if len(body) <= MAX_WHOLE_BODY_BYTES else BytesIO(body)


def _length_with_data(request: WireRequest) -> Mapping[str, str]:
    """Return the header without which a body in pieces would be sent in chunks, which not every server can read."""
    return {"Content-Length": str(attached_size(request.body, request.data))} if request.data else {}


async def _with_data(request: WireRequest) -> AsyncGenerator[bytes, None]:
    for piece in attached(request.body, request.data):
        yield piece
        await asyncio.sleep(0)  # a fast reader never makes aiohttp wait


def _connection_lost(response: aiohttp.ClientResponse) -> asyncio.Future[None] | None:
    """Return the future that is done when a reply's connection is lost, `None` if the whole reply has arrived."""
    protocol = response.connection.protocol if response.connection is not None else None
    lost = protocol.closed if protocol is not None else None
    if lost is not None:
        lost.remove_done_callback(_retrieve_exception)  # a connection serves many replies
        lost.add_done_callback(_retrieve_exception)
    return lost


def _retrieve_exception(lost: asyncio.Future[None]) -> None:
    """Retrieve why a connection was lost, or asyncio logs that the exception was never retrieved."""
    if not lost.cancelled():
        lost.exception()


def _description(error: Exception) -> str:
    return str(error) or type(error).__name__
