"""
A `Backend` over the standard library, for the few small questions that are asked before anything else can start.

Loading aiohttp takes a quarter of a second (`uv run python -m benchmarks.startup`), which a launch does not have before
it knows the server: the client starts only then.  Each question takes a thread and a connection, and its reply is read
whole, so this is no backend for replies of a model.
"""

import socket
import time
import zlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing, suppress
from email.message import Message
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead

from anyclaude.dialects import WireRequest
from anyclaude.errors import BackendTimeout, BackendUnreachable
from anyclaude.worker_threads import in_daemon_thread

from .base import BackendReply
from .reading import max_answer_bytes
from .retry_after import retry_after_seconds
from .target import BackendTarget
from .tls import tls_context

USER_AGENT = "anyclaude"
"""Some servers on the internet refuse the standard library's own name."""

READ_BYTES = 64 * 1024
"""The most that is read at once."""

WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
"""What zlib takes for the content codings that it knows (RFC 9110, section 8.4.1)."""


class StdlibBackend:
    """A `Backend` for small questions; no redirection is followed, because a key must not go to another server."""

    def __init__(self, target: BackendTarget) -> None:
        """Prepare the connections; raises `InvalidSetting` if the address or the certificates cannot be used."""
        self._target = target
        self._endpoint = target.endpoint
        self._where = f"{target.profile.title} at {self._endpoint.shown}"
        self._tls = tls_context(target.way) if self._endpoint.scheme == "https" else None

    @property
    def target(self) -> BackendTarget:
        """The server's address, model and profile."""
        return self._target

    @asynccontextmanager
    async def stream(self, request: WireRequest, within_seconds: float) -> AsyncGenerator[BackendReply, None]:
        """Send `request` and return its whole reply; raises `BackendUnreachable` and `BackendTimeout`."""
        opened: list[HTTPConnection] = []
        try:
            yield await in_daemon_thread(lambda: self._reply_to(request, within_seconds, opened))
        finally:
            for connection in opened:
                _break_off(connection)

    def _reply_to(self, request: WireRequest, within_seconds: float, opened: list[HTTPConnection]) -> "WholeReply":
        deadline, max_bytes = time.monotonic() + within_seconds, max_answer_bytes(request)
        try:
            with closing(self._connection(within_seconds)) as connection:
                opened.append(connection)
                connection.request(request.method, self._path_to(request), request.body or None, self._headers(request))
                response = connection.getresponse()
                return WholeReply(response, _plain(_body(response, deadline, max_bytes), response.headers, max_bytes))
        except TimeoutError as error:
            raise BackendTimeout(f"{self._where} did not answer within {within_seconds:g} s") from error
        except (OSError, HTTPException) as error:
            raise BackendUnreachable(f"no reply from {self._where}: {error}. Is it running?") from error
        except ValueError as error:  # its text contains the header
            raise BackendUnreachable(
                f"no request can be sent to {self._where}: its address or key is malformed"
            ) from error

    def _connection(self, within_seconds: float) -> HTTPConnection:
        endpoint, proxy = self._endpoint, self._target.way.proxy
        if endpoint.socket_path is not None:
            return _UnixConnection(endpoint.socket_path, within_seconds)
        host, port = (proxy.host, proxy.port) if proxy else (endpoint.host, endpoint.port_number)
        if self._tls is None:
            return HTTPConnection(host, port, timeout=within_seconds)
        connection = HTTPSConnection(host, port, timeout=within_seconds, context=self._tls)
        if proxy is not None:
            connection.set_tunnel(endpoint.host, endpoint.port_number, self._proxy_headers())
        return connection

    def _path_to(self, request: WireRequest) -> str:
        """Return the target of the request line: a proxy that is not a tunnel needs the whole address."""
        is_forwarded = self._target.way.proxy is not None and self._tls is None
        named = self._endpoint.url_of if is_forwarded else self._endpoint.path_to
        return named(request.path, at_root=request.at_root)

    def _headers(self, request: WireRequest) -> dict[str, str]:
        headers = {"Host": self._endpoint.host_and_port, "Accept": request.accept, "User-Agent": USER_AGENT}
        headers["Connection"] = "close"
        if (authorization := self._target.authorization) is not None:
            headers["Authorization"] = authorization.reveal()
        if request.body:
            headers["Content-Type"] = "application/json"
        return headers if self._tls is not None else {**headers, **self._proxy_headers()}

    def _proxy_headers(self) -> dict[str, str]:
        proxy = self._target.way.proxy
        authorization = proxy.authorization if proxy else None
        return {} if authorization is None else {"Proxy-Authorization": authorization.reveal()}


def _break_off(connection: HTTPConnection) -> None:
    """End the reading of a thread that was left behind: a head of interim answers has no end of its own."""
    if connection.sock is not None:
        with suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)


class _UnixConnection(HTTPConnection):
    """A connection over a Unix socket."""

    def __init__(self, path: str, within_seconds: float) -> None:
        super().__init__("localhost", timeout=within_seconds)
        self._socket_path = path

    def connect(self) -> None:
        """
        Connect to the socket.

        Raises:
            OSError: when nothing listens there, or the system has no Unix sockets.
        """
        try:
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        except AttributeError as error:
            raise OSError("this system has no Unix sockets") from error
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._socket_path)


class WholeReply:
    """A reply that was read whole."""

    def __init__(self, response: HTTPResponse, body: bytes) -> None:
        headers: Message = response.headers
        self.status = response.status
        self.content_type = headers.get_content_type()
        self.retry_after_seconds = retry_after_seconds(headers.get("Retry-After", ""))
        self.location = headers.get("Location")
        self._body = body

    async def read_chunk(self, within_seconds: float) -> bytes:
        """Return the body, then its end."""
        body, self._body = self._body, b""
        return body

    def complete(self) -> None:
        """The body has arrived as a whole."""

    async def read_error(self) -> bytes:
        """Return the body."""
        return await self.read_chunk(0.0)


def _body(response: HTTPResponse, deadline: float, max_bytes: int) -> bytes:
    """
    Return the whole body; of an error also one that is cut short.

    Raises:
        TimeoutError: when the body has not ended by `deadline`, on the monotonic clock.
        IncompleteRead: when the connection breaks off within the body of a success.
        HTTPException: when the body is larger than `max_bytes`.
    """
    body = bytearray()
    rest = response.length
    try:
        while rest != 0 and (chunk := response.read1(READ_BYTES if rest is None else min(rest, READ_BYTES))):
            body += chunk
            rest = None if rest is None else rest - len(chunk)
            if len(body) > max_bytes:
                raise HTTPException(f"its answer is larger than {max_bytes:,} bytes")
            if time.monotonic() > deadline:
                raise TimeoutError
        if rest:
            raise IncompleteRead(bytes(body), rest)
    except (IncompleteRead, ConnectionError):
        if response.status == 200:
            raise
    return bytes(body)


def _plain(body: bytes, headers: Message, max_bytes: int) -> bytes:
    """
    Return a body as it was before a proxy compressed it, which some do without being asked.

    Raises:
        HTTPException: when it cannot be unpacked, or is larger than `max_bytes`.
    """
    coding = headers.get("Content-Encoding", "").strip().lower()
    if coding not in WINDOW_BITS or not body:
        return body
    unpacking = zlib.decompressobj(WINDOW_BITS[coding])
    try:
        plain = unpacking.decompress(body, max_bytes)
    except zlib.error as error:
        raise HTTPException(f"its answer is no {coding}") from error
    if unpacking.unconsumed_tail:
        raise HTTPException(f"its answer is larger than {max_bytes:,} bytes")
    return plain
