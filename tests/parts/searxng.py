"""A SearXNG server on loopback that finds what it is told to find."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.test_utils import TestServer

from anyclaude.protocol.json_values import JsonObject

Found = Sequence[JsonObject]


@dataclass
class SearxngServer:
    """A running server: its address, and the queries it was asked, in order."""

    base_url: str = ""
    queries: list[str] = field(default_factory=list)
    status: int = 200
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by the first query."""
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    """Cleared to hold answers back."""


def page(url: str, title: str, content: str) -> JsonObject:
    """Return a result."""
    return {"url": url, "title": title, "content": content}


@asynccontextmanager
async def searxng(found: Mapping[str, Found] | Found = ()) -> AsyncIterator[SearxngServer]:
    """Serve these results, to every query or by the query."""
    running = SearxngServer()
    running.answers.set()

    async def search(request: web.Request) -> web.Response:
        query = request.query["q"]
        running.queries.append(query)
        running.asked.set()
        await running.answers.wait()
        results = found.get(query, ()) if isinstance(found, Mapping) else found
        return web.json_response({"query": query, "results": [*results]}, status=running.status)

    app = web.Application()
    app.router.add_get("/search", search)
    async with TestServer(app) as server:
        running.base_url = str(server.make_url("")).rstrip("/")
        yield running
