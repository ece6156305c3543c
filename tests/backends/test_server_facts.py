"""The facts that servers report, in the form of each kind."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.parts.server_documents import LLAMACPP, LMSTUDIO, OLLAMA, OPENROUTER, SERVERS, VLLM, VLLM_MLX
from tests.parts.stub_server import StubServer, stub_server

from anyclaude.backends import Backend, BackendTarget, ServerFacts, ask_facts, identifies_as_profile, is_reachable
from anyclaude.backends.http import HttpBackend, open_session
from anyclaude.profiles import PROFILES, BackendName, profile_named
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


async def identifies_as(base_url: str, name: BackendName, within_seconds: float = LONG) -> bool:
    async with server_at(base_url, name) as backend:
        return await identifies_as_profile(backend, within_seconds)


@pytest.mark.parametrize("name", SERVERS)
async def test_a_server_is_identified_as_its_own_kind_only(name: BackendName) -> None:
    async with stub_server(SERVERS[name]) as server:
        identified = [profile.name for profile in PROFILES if await identifies_as(server.base_url, profile.name)]

    assert identified == [name]


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


async def test_a_server_that_refuses_is_reachable_but_not_identified() -> None:
    async with stub_server(LLAMACPP, status=401) as server, server_at(server.base_url, "llamacpp") as backend:
        assert await is_reachable(backend, LONG)
        assert not await identifies_as_profile(backend, LONG)


async def test_an_address_where_nothing_listens_is_not_reachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        async with server_at(f"http://127.0.0.1:{taken.getsockname()[1]}/v1", "generic") as backend:
            assert not await is_reachable(backend, LONG)


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:99999/v1", "http:///v1"])
async def test_an_address_that_cannot_exist_is_not_reachable(base_url: str) -> None:
    async with server_at(base_url, "generic") as backend:
        assert not await is_reachable(backend, LONG)


async def test_a_key_that_no_header_can_carry_makes_a_server_unreachable() -> None:
    async with stub_server(VLLM) as server, server_at(server.base_url, "vllm", Secret("a\nb")) as backend:
        assert not await is_reachable(backend, LONG)

    assert server.requests == []


async def test_a_server_that_stays_silent_counts_as_absent_after_its_time_limit() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert not await identifies_as(f"http://127.0.0.1:{silent.getsockname()[1]}/v1", "llamacpp", SOON)
