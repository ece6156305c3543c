"""A server on loopback that refuses everything, and records it: where requests go, and what is in them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from anyclaude.protocol.json_values import JsonObject, decode_json

REFUSAL = {"type": "error", "error": {"type": "invalid_request_error", "message": "This server refuses everything."}}


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """One request; `path` is the whole address where the server is taken for a proxy."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: JsonObject


@dataclass(frozen=True, slots=True)
class RecordingServer:
    """The server's address, and its requests in the order of their arrival."""

    origin: str
    requests: list[RecordedRequest] = field(default_factory=list)


@asynccontextmanager
async def recording_server() -> AsyncIterator[RecordingServer]:
    """Record requests on a free port for the duration of the context."""
    requests: list[RecordedRequest] = []

    async def record(request: web.BaseRequest) -> web.Response:
        text = await request.read()
        body = decode_json(text) if text else {}
        headers = {name.lower(): value for name, value in request.headers.items()}
        requests.append(RecordedRequest(request.method, request.path, headers, body if isinstance(body, dict) else {}))
        return web.json_response(REFUSAL, status=400)

    runner = web.ServerRunner(web.Server(record))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield RecordingServer(f"http://127.0.0.1:{runner.addresses[0][1]}", requests)
    finally:
        await runner.cleanup()
