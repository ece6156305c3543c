"""A model server at a fixed address that a test starts, stops, and starts again with another model or window."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.parts.stub_server import Answer, StubServer, stub_server

from anyclaude.protocol.json_values import JsonObject, JsonValue, encode_json

CHARACTERS_PER_TOKEN = 4


@dataclass
class RestartingServer:
    """The address, and the models that requests have asked for."""

    port: int = field(default_factory=lambda: _free_port())
    asked_for: list[JsonValue] = field(default_factory=list)

    @property
    def origin(self) -> str:
        """The address without a path."""
        return f"http://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def running(self, model: str = "qwen", window: int = 32_768) -> AsyncIterator[StubServer]:
        """Run as llama.cpp does with one model, which looks at the model's name."""

        def reply(body: JsonValue) -> "JsonValue | Answer":
            assert isinstance(body, dict)
            self.asked_for.append(body["model"])
            return _reply(body, model, window)

        documents = llamacpp_documents(model, window)
        async with stub_server(documents, port=self.port, by_body={"/v1/chat/completions": reply}) as server:
            yield server


def llamacpp_documents(model: str, window: int) -> dict[str, JsonValue]:
    """Return how llama.cpp describes itself."""
    return {
        "/props": {
            "default_generation_settings": {"n_ctx": window},
            "total_slots": 1,
            "model_alias": model,
            "build_info": "b11549",
        },
        "/v1/models": {"object": "list", "data": [{"id": model}]},
    }


def _reply(body: JsonObject, model: str, window: int) -> "JsonValue | Answer":
    if body["model"] != model:
        return _refusal(404, f"model '{body['model']}' not found")
    tokens = len(encode_json(body["messages"])) // CHARACTERS_PER_TOKEN
    if tokens > window:
        return _refusal(400, f"request ({tokens} tokens) exceeds the available context size ({window} tokens)")
    message: JsonObject = {"role": "assistant", "content": f"I am {model}."}
    return {
        "id": "1",
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": tokens, "completion_tokens": 4},
    }


def _refusal(status: int, message: str) -> Answer:
    return Answer(status, encode_json({"error": {"message": message, "code": status}}).decode())


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port
