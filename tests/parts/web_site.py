"""Web servers on loopback, and what reads their pages without a library."""

import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Literal, TypeAlias

from aiohttp import web
from msgspec import Struct

from anyclaude.web.guard import IpAddress

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Asked(Struct, frozen=True):
    """A request that arrived: its target as it was sent, the headers in lower case, and the body."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Site:
    """A running server."""

    port: int
    scheme: str
    asked: list[Asked] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its address, without a path."""
        return f"{self.scheme}://127.0.0.1:{self.port}"


@asynccontextmanager
async def web_site(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncGenerator[Site, None]:
    """Run a server on a free port of loopback."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        assert isinstance(request, web.BaseRequest)
        headers = {name.lower(): value for name, value in request.headers.items()}
        site.asked.append(Asked(request.method, request.raw_path, headers, await request.read()))
        return await handler(request)  # type: ignore[arg-type]  # no handler here uses a router

    server = web.Server(answer)
    runner = web.ServerRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    try:
        listening = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await listening.start()
        site = Site(int(runner.addresses[0][1]), "http" if tls is None else "https")
        yield site
    finally:
        await runner.cleanup()


def saying(
    body: bytes | str, content_type: str = "text/plain; charset=utf-8", status: int = 200, **headers: str
) -> Handler:
    """Return a handler that always answers the same."""

    async def handler(request: web.Request) -> web.StreamResponse:
        data = body.encode() if isinstance(body, str) else body
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(body=data, status=status, headers={"Content-Type": content_type, **named})

    return handler


def is_loopback(address: IpAddress) -> bool:
    """Allow the server of a test, and nothing else."""
    return address == ip_address("127.0.0.1")


class PlainDocument(Struct, frozen=True):
    """A document that was read."""

    title: str | None
    pages: tuple[str, ...]


class PlainReader:
    """Reads nothing out of a document: its bytes are its text, and form feeds end its pages."""

    def __init__(self) -> None:
        self.read_as: list[str] = []

    async def read(self, kind: Literal["pdf", "html"], data: bytes) -> PlainDocument:
        """Return the bytes as pages of text."""
        self.read_as.append(kind)
        return PlainDocument("A title", tuple(data.decode().split("\f")))
