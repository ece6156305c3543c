"""A server on loopback that answers each path with a fixed document and records its requests."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from anyclaude.protocol.json_values import JsonValue


@dataclass(frozen=True)
class StubServer:
    """The server: its address and its requests as method, path and authorization."""

    origin: str
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)

    @property
    def base_url(self) -> str:
        """The base URL for an OpenAI client."""
        return f"{self.origin}/v1"


@asynccontextmanager
async def stub_server(
    documents: Mapping[str, JsonValue], status: int = 200, port: int = 0
) -> AsyncIterator[StubServer]:
    """Serve these documents by path; every other path is answered with 404."""
    requests: list[tuple[str, str, str | None]] = []

    async def answer(request: web.Request) -> web.Response:
        requests.append((request.method, request.path, request.headers.get("Authorization")))
        if request.path not in documents:
            return web.json_response({"error": "no such path"}, status=404)
        return web.json_response(documents[request.path], status=status)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    try:
        yield StubServer(f"http://127.0.0.1:{runner.addresses[0][1]}", requests)
    finally:
        await runner.cleanup()
