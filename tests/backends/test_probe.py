"""What servers tell of themselves, in the form each kind tells it."""

import socket

import aiohttp
import pytest
from tests.parts.server_documents import LLAMACPP, LMSTUDIO, OLLAMA, OPENROUTER, SERVERS, VLLM, VLLM_MLX
from tests.parts.stub_server import StubServer, stub_server

from anyclaude.backends.probe import Address, ServerFacts, ask_facts, identifies_as, is_reachable
from anyclaude.profiles import PROFILES, BackendName, profile_named
from anyclaude.protocol.json_values import JsonValue
from anyclaude.secret import Secret


async def facts_of(server: StubServer, name: BackendName, model: str | None = None) -> ServerFacts:
    async with aiohttp.ClientSession() as session:
        return await ask_facts(session, profile_named(name), Address(server.base_url), model)


@pytest.mark.parametrize("name", SERVERS)
async def test_a_server_is_what_it_is_and_nothing_else(name: BackendName) -> None:
    async with stub_server(SERVERS[name]) as server, aiohttp.ClientSession() as session:
        address = Address(server.base_url)
        taken_for = [profile.name for profile in PROFILES if await identifies_as(session, profile, address)]

    assert taken_for == [name]


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
async def test_each_kind_tells_its_models_and_the_real_window(
    name: BackendName, documents: dict[str, JsonValue], model: str | None, expected: ServerFacts
) -> None:
    async with stub_server(documents) as server:
        assert await facts_of(server, name, model) == expected


async def test_the_key_goes_to_the_server_that_was_asked() -> None:
    async with stub_server(VLLM) as server, aiohttp.ClientSession() as session:
        await ask_facts(session, profile_named("vllm"), Address(server.base_url, Secret("k")), None)

    assert server.requests == [("GET", "/v1/models", "Bearer k")]


async def test_a_server_that_refuses_is_reachable_but_not_identified() -> None:
    async with stub_server(LLAMACPP, status=401) as server, aiohttp.ClientSession() as session:
        address = Address(server.base_url)

        assert await is_reachable(session, address)
        assert not await identifies_as(session, profile_named("llamacpp"), address)


async def test_where_nobody_listens_nobody_is_reachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = Address(f"http://127.0.0.1:{taken.getsockname()[1]}/v1")
        async with aiohttp.ClientSession() as session:
            assert not await is_reachable(session, address)


async def test_a_server_that_stays_silent_counts_as_absent_after_its_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = Address(f"http://127.0.0.1:{silent.getsockname()[1]}/v1", timeout_seconds=0.05)
        async with aiohttp.ClientSession() as session:
            assert not await identifies_as(session, profile_named("llamacpp"), address)
