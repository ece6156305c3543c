"""A server on loopback that plays a scripted kind: its documents, and one reply to every conversation."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from anyclaude.protocol.json_values import JsonObject, JsonValue, encode_json

from .scripted_kinds import ScriptedKind

CALL: JsonObject = {"id": "call_1", "type": "function", "index": 0}
"""The fields of a call besides its function."""

PROMPT_TOKENS, CACHED_TOKENS, COMPLETION_TOKENS = 120, 100, 7
CHARACTERS_PER_TOKEN = 4


@dataclass(slots=True)
class ScriptedServer:
    """The server: its address, what it says, and the bodies of the requests for replies."""

    kind: ScriptedKind
    deltas: list[JsonObject]
    finish_reason: str | None = "stop"
    """Without one the reply never ends."""
    origin: str = ""
    bodies: list[JsonObject] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the client has left a reply that never ends."""
    forced: list[JsonObject] = field(default_factory=list)
    """The reply to a request that enforces a schema."""
    can_see: bool = True
    is_loading: bool = False

    async def document(self, request: web.Request) -> web.Response:
        """Answer with one of the documents."""
        if self.is_loading:
            return web.json_response({"error": {"message": "Loading model", "code": 503}}, status=503)
        if request.path not in self.kind.documents:
            return web.json_response({"error": "not found"}, status=404)
        return web.json_response(self.kind.documents[request.path])

    async def complete(self, request: web.Request) -> web.StreamResponse:
        """Refuse a prompt that is too long, and stream the reply to every other."""
        body: JsonObject = await request.json()
        self.bodies.append(body)
        if len(encode_json(body["messages"])) // CHARACTERS_PER_TOKEN > self.kind.context_tokens:
            return web.Response(
                status=self.kind.overflow_status, text=self.kind.overflow, content_type="application/json"
            )
        if not self.can_see and b"image_url" in encode_json(body["messages"]):
            return web.json_response({"error": {"message": self.kind.image_refusal}}, status=400)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for chunk in self._chunks(self.forced if "response_format" in body else self.deltas):
            await response.write(b"data: " + encode_json(chunk) + b"\n\n")
        if self.finish_reason is None:
            try:
                await asyncio.Event().wait()
            finally:
                self.left.set()
        await response.write(b"data: [DONE]\n\n")
        return response

    def _chunks(self, deltas: list[JsonObject]) -> list[JsonObject]:
        envelope: JsonObject = {
            "id": f"chatcmpl-{len(self.bodies)}",
            "object": "chat.completion.chunk",
            "model": self.kind.model,
        }
        usage: dict[str, JsonValue] = {
            "prompt_tokens": PROMPT_TOKENS,
            "completion_tokens": COMPLETION_TOKENS,
            "total_tokens": PROMPT_TOKENS + COMPLETION_TOKENS,
        }
        if self.kind.reports_cached_tokens:
            usage["prompt_tokens_details"] = {"cached_tokens": CACHED_TOKENS}
        choices: list[list[JsonValue]] = [[{"index": 0, "delta": delta, "finish_reason": None}] for delta in deltas]
        choices.append([{"index": 0, "delta": {}, "finish_reason": self.finish_reason}])
        return [*({**envelope, "choices": choice} for choice in choices), {**envelope, "choices": [], "usage": usage}]


@asynccontextmanager
async def scripted_server(
    kind: ScriptedKind, *deltas: JsonObject, finish_reason: str | None = "stop"
) -> AsyncIterator[ScriptedServer]:
    """Serve on a free port for the duration of the context."""
    server = ScriptedServer(kind, list(deltas), finish_reason)
    application = web.Application(client_max_size=64 * 1024 * 1024)
    application.router.add_post("/v1/chat/completions", server.complete)
    application.router.add_route("*", "/{path:.*}", server.document)
    runner = web.AppRunner(application, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield server
    finally:
        await runner.cleanup()
