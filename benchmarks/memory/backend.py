"""
A Chat Completions server whose replies fill the memory of whoever collects them.

What is endless ends after `ENDLESS_BYTES`, which is more than any gateway may keep.
"""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Literal, TypeAlias

from aiohttp import web

MODEL = "bench-model"

ENDLESS_BYTES = 2_000_000_000
"""What an endless answer has at most: the machine that runs the benchmark is to survive."""

PIECE = 1 << 20

Reply: TypeAlias = Literal["short", "huge call", "endless text", "million calls", "empty events", "no model"]


class AttackingBackend:
    """Answers requests by the current `reply`, and other questions with nothing unless `is_endless` is set."""

    def __init__(self) -> None:
        self.reply: Reply = "short"
        self.is_endless = False
        """Whether token counts and lists of models have no end."""
        self.size = ENDLESS_BYTES
        """The bytes of a huge reply."""

    @asynccontextmanager
    async def listening(self) -> AsyncGenerator[int, None]:
        """Listen on a free loopback port within the block; yield the port."""
        server = web.ServerRunner(web.Server(self._answer), shutdown_timeout=0.1)
        await server.setup()
        site = web.TCPSite(server, "127.0.0.1", 0)
        await site.start()
        try:
            yield server.addresses[0][1]
        finally:
            await server.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        async for _ in request.content.iter_any():
            pass
        try:
            return await self._answered(request)
        except ConnectionError:  # the gateway had enough
            return web.Response()

    async def _answered(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path.endswith("/chat/completions") and self.reply == "no model":
            return web.json_response(NO_MODEL, status=404)
        if request.path.endswith("/chat/completions"):
            return await self._streamed(request, REPLIES[self.reply])
        if self.is_endless and request.path.endswith(("/models", "/tokenize")):
            return await self._streamed(request, _endless_list, "application/json")
        if request.path.endswith("/tokenize"):
            return web.json_response({"count": 9, "max_model_len": 131_072, "tokens": [1] * 9})
        if request.path.endswith("/models"):
            return web.json_response({"object": "list", "data": [{"id": MODEL, "object": "model"}]})
        return web.Response(status=404)

    async def _streamed(
        self, request: web.BaseRequest, write: "Write", content_type: str = "text/event-stream"
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": content_type})
        response.enable_chunked_encoding()
        await response.prepare(request)
        await write(response, self.size)
        await response.write_eof()
        return response


Write: TypeAlias = Callable[[web.StreamResponse, int], Awaitable[None]]
"""Writes a body of this many bytes."""


async def _short(response: web.StreamResponse, size: int) -> None:
    await response.write(_event(content="Done.") + ENDING)


async def _huge_call(response: web.StreamResponse, size: int) -> None:
    """Write one call whose arguments have `size` bytes."""
    await response.write(_call(0, '{"file_path":"a","content":"'))
    for number in range(max(size // PIECE, 1)):
        words = "".join(f"line {number} {line} of the file; " for line in range(min(size, PIECE) // 25))
        await response.write(_event(tool_calls=[{"index": 0, "function": {"arguments": words}}]))
    await response.write(_event(tool_calls=[{"index": 0, "function": {"arguments": '"}'}}]) + CALLED)


async def _endless_text(response: web.StreamResponse, size: int) -> None:
    """Write text that does not repeat itself: a gateway would end it."""
    written = number = 0
    while written < size:
        events = []
        for _ in range(200):
            number += 1
            events.append(_event(content=f"{number * 2654435761 % 2**32:x} {number} " * 20))
        piece = b"".join(events)
        written += len(piece)
        await response.write(piece)
    await response.write(ENDING)


async def _million_calls(response: web.StreamResponse, size: int) -> None:
    written = number = 0
    while written < size and number < 1_000_000:
        piece = b"".join(_call(number + more, "{}") for more in range(1000))
        number += 1000
        written += len(piece)
        await response.write(piece)
    await response.write(CALLED)


async def _empty_events(response: web.StreamResponse, size: int) -> None:
    """Write one event of millions of `data:` lines."""
    piece = b"data:\n" * (PIECE // 6)
    for _ in range(max(min(size, 48_000_000) // len(piece), 1)):
        await response.write(piece)
    await response.write(b"\n" + ENDING)


async def _endless_list(response: web.StreamResponse, size: int) -> None:
    await response.write(b'{"object":"list","data":[')
    item = json.dumps({"id": "m" * 100, "object": "model"}).encode() + b","
    piece = item * (PIECE // len(item))
    for _ in range(max(size // len(piece), 1)):
        await response.write(piece)
    await response.write(b'{"id":"last"}],"count":1}')


def _event(finish_reason: str | None = None, **delta: object) -> bytes:
    chunk = {"id": "chatcmpl-1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}
    return b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"


def _call(index: int, arguments: str) -> bytes:
    function = {"name": "Write", "arguments": arguments}
    return _event(tool_calls=[{"index": index, "id": f"call_{index}", "type": "function", "function": function}])


NO_MODEL = {"object": "error", "message": f"The model `{MODEL}` does not exist.", "type": "NotFoundError", "code": 404}
"""As vLLM writes it."""

DONE = b'data: {"id":"chatcmpl-1","choices":[],"usage":{"prompt_tokens":0,"completion_tokens":1}}\n\ndata: [DONE]\n\n'
ENDING = _event("stop") + DONE
CALLED = _event("tool_calls") + DONE

REPLIES: dict[Reply, Write] = {
    "short": _short,
    "huge call": _huge_call,
    "endless text": _endless_text,
    "million calls": _million_calls,
    "empty events": _empty_events,
    "no model": _short,
}
