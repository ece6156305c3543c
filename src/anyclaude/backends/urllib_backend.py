"""
A `Backend` over the standard library, for the few small questions that are asked before anything else can start.

Loading aiohttp takes a quarter of a second (`uv run python -m benchmarks.startup`), which a launch does not have before
it knows the server: the client starts only then.  Each question takes a thread and a connection, and its reply is read
whole, so this is no backend for replies of a model.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from email.message import Message
from http.client import HTTPException, HTTPResponse
from urllib.error import HTTPError, URLError
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

from anyclaude.dialects import WireRequest
from anyclaude.errors import BackendTimeout, BackendUnreachable

from .base import BackendReply
from .target import BackendTarget

USER_AGENT = "anyclaude"
"""Some servers on the internet refuse the standard library's own name."""


class UrllibBackend:
    """A `Backend` for small questions; the usual variables may name a proxy."""

    def __init__(self, target: BackendTarget) -> None:
        self._target = target
        self._opener = _opener(target.base_url)

    @property
    def target(self) -> BackendTarget:
        """The server's address, model and profile."""
        return self._target

    @asynccontextmanager
    async def stream(self, request: WireRequest, within_seconds: float) -> AsyncGenerator[BackendReply, None]:
        """Send `request` and return its whole reply; raises `BackendUnreachable` and `BackendTimeout`."""
        yield await asyncio.to_thread(self._reply_to, request, within_seconds)

    def _reply_to(self, request: WireRequest, within_seconds: float) -> "WholeReply":
        where = f"{self._target.profile.title} at {self._target.address}"
        try:
            with self._opener.open(self._prepared(request), timeout=within_seconds) as response:
                return WholeReply(response)
        except HTTPError as error:
            with error:
                return WholeReply(error)
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

    def __init__(self, response: HTTPResponse | HTTPError) -> None:
        headers: Message = response.headers
        self.status = response.status or 0
        self.content_type = headers.get_content_type()
        self.retry_after_seconds = _seconds(headers.get("Retry-After", ""))
        self._body = response.read()

    async def read_chunk(self, within_seconds: float) -> bytes:
        """Return the body, then its end."""
        body, self._body = self._body, b""
        return body

    async def read_error(self) -> bytes:
        """Return the body."""
        return await self.read_chunk(0.0)


def _opener(url: str) -> OpenerDirector:
    """Return what sends requests to `url`, and follows no redirection: a key must not go to another server."""
    opener = OpenerDirector()
    for handler in (ProxyHandler(), HTTPHandler(), HTTPErrorProcessor(), HTTPDefaultErrorHandler()):
        opener.add_handler(handler)
    if url.startswith("https:"):
        opener.add_handler(HTTPSHandler())  # which loads the system's certificates
    return opener


def _seconds(value: str) -> float | None:
    return float(value) if value.isdigit() else None
