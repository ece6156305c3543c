"""A server on loopback that answers each path with a fixed document and records its requests."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

from aiohttp import web

from anyclaude.protocol.json_values import JsonValue


def _already() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


@dataclass(frozen=True)
class StubServer:
    """The server: its address and its requests as method, path and authorization."""

    origin: str
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    answers: asyncio.Event = field(default_factory=_already)
    """Requests wait for it; it is set at the start."""

    @property
    def base_url(self) -> str:
        """The base URL for an OpenAI client."""
        return f"{self.origin}/v1"


@dataclass(frozen=True)
class Answer:
    """An answer with a status, or of another type than JSON; the first `times` requests get it, then `then`."""

    status: int
    body: str
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    times: int | None = None
    then: JsonValue = None


Documents: TypeAlias = "Mapping[str, JsonValue | Answer]"
Reply: TypeAlias = "Callable[[JsonValue], JsonValue | Answer]"
"""What answers a request, by its body."""

MISSING = Answer(404, '{"error": "no such path"}')


@asynccontextmanager
async def stub_server(
    documents: Documents,
    status: int = 200,
    port: int = 0,
    *,
    tls: ssl.SSLContext | None = None,
    socket_path: str | None = None,
    by_body: Mapping[str, Reply] = {},
) -> AsyncIterator[StubServer]:
    """
    Serve these documents by path, or path and query, on loopback or a Unix socket; other paths get 404.

    `by_body` has the paths whose documents depend on the request's body.
    """

    requests: list[tuple[str, str, str | None]] = []
    answers = _already()

    async def answer(request: web.Request) -> web.Response:
        asked = request.rel_url.raw_path_qs
        requests.append((request.method, asked, request.headers.get("Authorization")))
        await answers.wait()
        if request.path in by_body:
            document = by_body[request.path](await request.json())
        else:
            document = documents.get(asked, documents.get(request.path, MISSING))
        if not isinstance(document, Answer):
            return web.json_response(document, status=status)
        return _response(document, [path for _, path, _ in requests].count(asked))

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site: web.BaseSite
    if socket_path is None:
        site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls)
    else:
        site = web.UnixSite(runner, socket_path)
    await site.start()
    scheme = "http" if tls is None else "https"
    origin = f"{scheme}://127.0.0.1:{runner.addresses[0][1]}" if socket_path is None else f"unix:{socket_path}:"
    try:
        yield StubServer(origin, requests, answers)
    finally:
        answers.set()  # else the runner waits a minute for the requests that are held
        await runner.cleanup()


def _response(answer: Answer, times: int) -> web.Response:
    """Return the response to the request that has been asked for the `times`th time."""
    if answer.times is not None and times > answer.times:
        return web.json_response(answer.then)
    return web.Response(
        status=answer.status, text=answer.body, content_type=answer.content_type, headers=answer.headers
    )
