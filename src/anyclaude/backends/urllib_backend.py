"""
A `Backend` over the standard library, for the few small questions that are asked before anything else can start.

Loading aiohttp takes a quarter of a second (`uv run python -m benchmarks.startup`), which a launch does not have before
it knows the server: the client starts only then.  Each question takes a thread and a connection, and its reply is read
whole, so this is no backend for replies of a model.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from email.message import Message
from http.client import HTTPException, HTTPResponse, IncompleteRead
from threading import Thread
from typing import TypeVar
from urllib.error import URLError
from urllib.request import (
    HTTPHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    UnknownHandler,
    getproxies,
)

from anyclaude.dialects import WireRequest
from anyclaude.errors import BackendTimeout, BackendUnreachable

from .base import BackendReply
from .target import BackendTarget

USER_AGENT = "anyclaude"
"""Some servers on the internet refuse the standard library's own name."""

MAX_BODY_BYTES = 8 * 1024 * 1024
"""More than any answer to a small question: the list of OpenRouter's models is the largest, under 1 MB."""

READ_BYTES = 64 * 1024
"""The most that is read at once."""

T = TypeVar("T")


class UrllibBackend:
    """A `Backend` for small questions; the usual variables may name a proxy, unless `uses_proxies` is false."""

    def __init__(self, target: BackendTarget, *, uses_proxies: bool = True) -> None:
        self._target = target
        self._opener = _opener(target.base_url, _usable_proxies() if uses_proxies else {})

    @property
    def target(self) -> BackendTarget:
        """The server's address, model and profile."""
        return self._target

    @asynccontextmanager
    async def stream(self, request: WireRequest, within_seconds: float) -> AsyncGenerator[BackendReply, None]:
        """Send `request` and return its whole reply; raises `BackendUnreachable` and `BackendTimeout`."""
        yield await _in_daemon_thread(lambda: self._reply_to(request, within_seconds))

    def _reply_to(self, request: WireRequest, within_seconds: float) -> "WholeReply":
        where = f"{self._target.profile.title} at {self._target.address}"
        deadline = time.monotonic() + within_seconds
        try:
            with self._opener.open(self._prepared(request), timeout=within_seconds) as response:
                return WholeReply(response, _body(response, deadline))
        except TimeoutError as error:
            raise BackendTimeout(f"{where} sent nothing for {within_seconds:g} s") from error
        except ValueError as error:  # its text contains the header
            raise BackendUnreachable(f"no request can be sent to {where}: address or key is malformed") from error
        except (OSError, HTTPException) as error:
            reason = error.reason if isinstance(error, URLError) else error
            if isinstance(reason, TimeoutError):
                raise BackendTimeout(f"{where} did not answer within {within_seconds:g} s") from error
            raise BackendUnreachable(f"no reply from {where}: {reason}. Is it running?") from error

    def _prepared(self, request: WireRequest) -> Request:
        headers = {"Accept": request.accept, "User-Agent": USER_AGENT}
        if (authorization := self._target.authorization) is not None:
            headers["Authorization"] = authorization.reveal()
        if request.body:
            headers["Content-Type"] = "application/json"
        url = (self._target.origin if request.at_root else self._target.address) + request.path
        return Request(url, request.body or None, headers, method=request.method)


class WholeReply:
    """A reply that was read whole."""

    def __init__(self, response: HTTPResponse, body: bytes) -> None:
        headers: Message = response.headers
        self.status = response.status
        self.content_type = headers.get_content_type()
        self.retry_after_seconds = _seconds(headers.get("Retry-After", ""))
        self._body = body

    async def read_chunk(self, within_seconds: float) -> bytes:
        """Return the body, then its end."""
        body, self._body = self._body, b""
        return body

    async def read_error(self) -> bytes:
        """Return the body."""
        return await self.read_chunk(0.0)


async def _in_daemon_thread(work: Callable[[], T]) -> T:
    """
    Return what `work` returns; a cancelled call leaves it behind.

    Unlike a thread of the event loop's executor, one that is left behind delays neither the end of the loop nor that
    of the process, whatever the server does.
    """
    outcome = Future[T]()
    outcome.set_running_or_notify_cancel()  # it can no longer be cancelled: the thread sets it in any case

    def run() -> None:
        try:
            outcome.set_result(work())
        except Exception as error:  # noqa: BLE001  # it is raised where the result is awaited
            outcome.set_exception(error)

    Thread(target=run, name="anyclaude-question", daemon=True).start()
    return await asyncio.wrap_future(outcome)


def _body(response: HTTPResponse, deadline: float) -> bytes:
    """
    Return the whole body; of an error also one that is cut short.

    Raises:
        TimeoutError: when the body has not ended by `deadline`, on the monotonic clock.
        IncompleteRead: when the connection breaks off within the body of a success.
        HTTPException: when the body is larger than `MAX_BODY_BYTES`.
    """
    body = bytearray()
    rest = response.length
    try:
        while rest != 0 and (chunk := response.read1(READ_BYTES if rest is None else min(rest, READ_BYTES))):
            body += chunk
            rest = None if rest is None else rest - len(chunk)
            if len(body) > MAX_BODY_BYTES:
                raise HTTPException(f"its answer is larger than {MAX_BODY_BYTES:,} bytes")
            if time.monotonic() > deadline:
                raise TimeoutError
        if rest:
            raise IncompleteRead(bytes(body), rest)
    except (IncompleteRead, ConnectionError):
        if response.status == 200:
            raise
    return bytes(body)


def _usable_proxies() -> dict[str, str]:
    """Return the proxies of the environment by scheme, without those that are themselves spoken to over TLS."""
    return {scheme: url for scheme, url in getproxies().items() if not url.startswith("https:")}


def _opener(url: str, proxies: dict[str, str]) -> OpenerDirector:
    """Return what sends requests to `url`, and follows no redirection: a key must not go to another server."""
    opener = OpenerDirector()
    for handler in (ProxyHandler(proxies), HTTPHandler(), UnknownHandler()):
        opener.add_handler(handler)
    if url.startswith("https:"):
        opener.add_handler(HTTPSHandler())  # which loads the system's certificates
    return opener


def _seconds(value: str) -> float | None:
    return float(value) if value.isdigit() else None
