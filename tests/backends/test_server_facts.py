"""The facts that servers report, in the form of each kind."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.parts.server_documents import LLAMACPP, LMSTUDIO, OLLAMA, OPENROUTER, VLLM, VLLM_MLX
from tests.parts.stub_server import StubServer, stub_server

from anyclaude.backends import Backend, BackendTarget, ServerFacts, ask_facts
from anyclaude.backends.http import HttpBackend, open_session
from anyclaude.profiles import BackendName, profile_named
from anyclaude.protocol.json_values import JsonValue
from anyclaude.secret import Secret

LONG = 60.0
SOON = 0.05


@asynccontextmanager
async def server_at(base_url: str, name: BackendName, key: Secret | None = None) -> AsyncIterator[Backend]:
    """Yield the server as a candidate, whose model is not known."""
    async with open_session() as session:
        target = BackendTarget(profile=profile_named(name), base_url=base_url, model="", api_key=key)
        yield HttpBackend(session, target)


async def facts_of(server: StubServer, name: BackendName, model: str | None = None) -> ServerFacts:
    async with server_at(server.base_url, name) as backend:
        return await ask_facts(backend, LONG, model)


@pytest.mark.parametrize(
    ("name", "documents", "model", "expected"),
    [
        (
            "llamacpp",
            LLAMACPP,
            None,
            ServerFacts(models=("qwen",), loaded_model="qwen", context_tokens=16384, parallel_requests=4),
        ),
        ("lmstudio", LMSTUDIO, None, ServerFacts(models=("idle", "busy"), loaded_model="busy", context_tokens=32768)),
        ("lmstudio", LMSTUDIO, "idle", ServerFacts(models=("idle", "busy"), loaded_model="busy")),
        (
            "ollama",
            OLLAMA,
            None,
            ServerFacts(models=("small:latest", "qwen3:8b"), loaded_model="qwen3:8b", context_tokens=65536),
        ),
        (
            "ollama",
            OLLAMA,
            "small",
            ServerFacts(models=("small:latest", "qwen3:8b"), loaded_model="qwen3:8b", context_tokens=12288),
        ),
        ("vllm", VLLM, None, ServerFacts(models=("Qwen/Qwen3-8B",), context_tokens=40960)),
        ("vllm-mlx", VLLM_MLX, None, ServerFacts(models=("mlx-community/Qwen3-8B-4bit",))),
        ("openrouter", OPENROUTER, "z/large", ServerFacts(models=("a/small", "z/large"), context_tokens=1000000)),
        ("generic", {}, None, ServerFacts()),
        ("generic", {"/v1/models": {"data": "nonsense"}}, None, ServerFacts()),
    ],
)
async def test_each_kind_reports_its_models_and_the_real_window(
    name: BackendName, documents: dict[str, JsonValue], model: str | None, expected: ServerFacts
) -> None:
    async with stub_server(documents) as server:
        assert await facts_of(server, name, model) == expected


async def test_the_key_goes_to_the_server_that_is_asked() -> None:
    async with stub_server(VLLM) as server, server_at(server.base_url, "vllm", Secret("k")) as backend:
        await ask_facts(backend, LONG, None)

    assert server.requests == [("GET", "/v1/models", "Bearer k")]
