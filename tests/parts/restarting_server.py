"""A model server at a fixed address that a test starts, stops, and starts again with another model or window."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.parts.raw_backend import free_port
from tests.parts.server_documents import scripted_llamacpp
from tests.parts.stub_server import Answer, StubServer, stub_server

from anyclaude.protocol.json_values import JsonObject, JsonValue, encode_json

CHAT = "/v1/chat/completions"
CHARACTERS_PER_TOKEN = 4


@dataclass
class RestartingServer:
    """The address, and the requests with the models that they have asked for."""

    port: int = field(default_factory=free_port)
    asked_for: list[JsonValue] = field(default_factory=list)
    bodies: list[JsonObject] = field(default_factory=list)

    @property
    def origin(self) -> str:
        """The address without a path."""
        return f"http://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def running(self, model: str = "qwen", window: int = 32_768) -> AsyncIterator[StubServer]:
        """Run as llama.cpp does with one model, but look at the model's name."""

        def reply(body: JsonValue) -> "JsonValue | Answer":
            assert isinstance(body, dict)
            self.asked_for.append(body["model"])
            self.bodies.append(body)
            return _reply(body, model, window, f"chatcmpl-{len(self.asked_for)}")

        replies = {CHAT: reply, f"{CHAT}/input_tokens": _counted}
        async with stub_server(scripted_llamacpp(model, window), port=self.port, by_body=replies) as server:
            yield server


class Restarts:
    """Runs a server, and runs it again with another model or window when called."""

    def __init__(self, server: RestartingServer) -> None:
        self._server = server
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Restarts":
        await self()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def __call__(self, model: str = "qwen", window: int = 32_768) -> None:
        """Stop the server if it runs, and start it."""
        await self.stop()
        started = asyncio.Event()

        async def run() -> None:
            async with self._server.running(model, window):
                started.set()
                await self._stop.wait()

        self._stop = asyncio.Event()
        self._task = asyncio.create_task(run())
        await started.wait()

    async def stop(self) -> None:
        """Stop the server, with its connections."""
        self._stop.set()
        if self._task is not None:
            await self._task


def _reply(body: JsonObject, model: str, window: int, identifier: str) -> "JsonValue | Answer":
    if body["model"] != model:
        return _refusal(404, f"model '{body['model']}' not found")
    tokens = _tokens(body)
    if tokens > window:
        return _refusal(400, f"request ({tokens} tokens) exceeds the available context size ({window} tokens)")
    message: JsonObject = {"role": "assistant", "content": f"I am {model}."}
    return {
        "id": identifier,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": tokens, "completion_tokens": 4},
    }


def _counted(body: JsonValue) -> JsonValue:
    assert isinstance(body, dict)
    return {"input_tokens": _tokens(body)}


def _tokens(body: JsonObject) -> int:
    return len(encode_json(body["messages"])) // CHARACTERS_PER_TOKEN


def _refusal(status: int, message: str) -> Answer:
    return Answer(status, encode_json({"error": {"message": message, "code": status}}).decode())
