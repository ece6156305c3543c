"""The facts that servers report, in the form of each kind."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace
from tests.parts.server_documents import (
    LLAMACPP,
    LLAMACPP_ROUTER,
    LMSTUDIO,
    LMSTUDIO_V1,
    MLX,
    OLLAMA,
    OPENROUTER,
    SGLANG,
    VLLM,
    VLLM_MLX,
)
from tests.parts.stub_server import Answer, Documents, StubServer, stub_server

from anyclaude.backends import Backend, BackendTarget, ServerFacts, ask_facts
from anyclaude.backends.http import HttpBackend, open_session
from anyclaude.profiles import BackendName, profile_named
from anyclaude.protocol.json_values import JsonValue
from anyclaude.secret import Secret

LONG = 60.0
SOON = 0.05


LOADED: JsonValue = {"models": [{"name": "m:latest", "context_length": 8192}]}


@asynccontextmanager
async def ollama_that_shows(documents: Documents, shown: dict[str, list[str]]) -> AsyncIterator[StubServer]:
    """Run an Ollama whose `/api/show` answers by the model in the body, with its capabilities."""

    def answer(body: JsonValue) -> JsonValue:
        name = body.get("model") if isinstance(body, dict) else None
        return {"capabilities": [*shown[name]]} if isinstance(name, str) and name in shown else {}

    async with stub_server(documents, by_body={"/api/show": answer}) as server:
        yield server


@asynccontextmanager
async def server_at(base_url: str, name: BackendName, key: Secret | None = None) -> AsyncIterator[Backend]:
    """Yield the server as a candidate, whose model is not known."""
    async with open_session() as session:
        target = BackendTarget(profile=profile_named(name), base_url=base_url, model="", api_key=key)
        yield HttpBackend(session, target)


async def facts_of(server: StubServer, name: BackendName, model: str | None = None) -> ServerFacts:
    async with server_at(server.base_url, name) as backend:
        return await ask_facts(backend, LONG, model)


def ollama(window: int | None, **more: JsonValue) -> Documents:
    """Return an Ollama with a model that is loaded with a window, or not loaded."""
    loaded: list[JsonValue] = [] if window is None else [{"name": "m:latest", "context_length": window}]
    return {"/api/tags": {"models": [{"name": "m:latest"}]}, "/api/ps": {"models": loaded}, **more}


QWEN = ServerFacts(
    models=("qwen",),
    loaded_model="qwen",
    default_model="qwen",
    context_tokens=16384,
    parallel_requests=4,
    version="b11549-86a2835",
    sees_images=False,
)
ROUTER = ServerFacts(
    models=("org/idle", "org/busy:Q4"),
    loaded_model="org/busy:Q4",
    default_model="org/busy:Q4",
    version="b11669",
    is_router=True,
)
BUSY = ServerFacts(models=("idle", "busy"), loaded_model="busy", default_model="busy")
INSTANCES = ServerFacts(models=("busy:2", "busy", "idle"), loaded_model="busy:2", default_model="busy:2")
TWO = ServerFacts(
    models=("small:latest", "qwen3:8b"), loaded_model="qwen3:8b", default_model="qwen3:8b", version="0.13.0"
)


@pytest.mark.parametrize(
    ("name", "documents", "model", "expected"),
    [
        ("llamacpp", LLAMACPP, None, QWEN),
        ("llamacpp", LLAMACPP, "qwen", QWEN),
        (
            "llamacpp",
            LLAMACPP_ROUTER,
            None,
            replace(ROUTER, context_tokens=65536, parallel_requests=2, sees_images=True),
        ),
        ("llamacpp", LLAMACPP_ROUTER, "org/idle", ROUTER),
        ("llamacpp", LLAMACPP_ROUTER, "unknown", ROUTER),
        ("lmstudio", LMSTUDIO, None, replace(BUSY, context_tokens=32768, sees_images=True)),
        ("lmstudio", LMSTUDIO, "idle", BUSY),
        ("lmstudio", LMSTUDIO_V1, None, replace(INSTANCES, context_tokens=49152, sees_images=True)),
        ("lmstudio", LMSTUDIO_V1, "busy", replace(INSTANCES, context_tokens=8192, sees_images=True)),
        ("lmstudio", LMSTUDIO_V1, "idle", INSTANCES),
        ("ollama", OLLAMA, None, replace(TWO, context_tokens=65536)),
        (
            "vllm",
            VLLM,
            None,
            ServerFacts(
                models=("Qwen/Qwen3-8B",), default_model="Qwen/Qwen3-8B", context_tokens=40960, version="0.14.0"
            ),
        ),
        (
            "sglang",
            SGLANG,
            None,
            ServerFacts(models=("qwen",), default_model="qwen", context_tokens=24576, version="0.5.3"),
        ),
        (
            "mlx",
            MLX,
            None,
            ServerFacts(models=("mlx-community/A-4bit", "mlx-community/B-4bit"), default_model="default_model"),
        ),
        (
            "vllm-mlx",
            VLLM_MLX,
            None,
            ServerFacts(models=("mlx-community/Qwen3-8B-4bit",), default_model="mlx-community/Qwen3-8B-4bit"),
        ),
        (
            "openrouter",
            OPENROUTER,
            "z/large",
            ServerFacts(models=("a/small", "z/large"), default_model="a/small", context_tokens=1000000),
        ),
        ("generic", {}, None, ServerFacts()),
        ("generic", {"/v1/models": {"data": "nonsense"}}, None, ServerFacts()),
        ("generic", {"/v1/models": Answer(200, "not json")}, None, ServerFacts()),
        (
            "generic",
            {"/v1/models": Answer(200, '\ufeff{"data": [{"id": "m", "context_length": 4096, "score": NaN}]}')},
            None,
            ServerFacts(models=("m",), default_model="m", context_tokens=4096),
        ),
    ],
)
async def test_each_kind_reports_its_models_and_the_real_window(
    name: BackendName, documents: Documents, model: str | None, expected: ServerFacts
) -> None:
    async with stub_server(documents) as server:
        facts = await facts_of(server, name, model)

    assert replace(facts, other_names=(), windows={}) == expected


@pytest.mark.parametrize(
    ("name", "documents", "windows"),
    [
        ("lmstudio", LMSTUDIO, {"busy": 32_768}),
        ("ollama", {**OLLAMA, "/api/ps": LOADED}, {"m:latest": 8_192}),
        ("openrouter", OPENROUTER, {"a/small": 8_192, "z/large": 1_000_000}),
    ],
)
async def test_each_model_has_the_window_that_the_server_reports_for_it(
    name: BackendName, documents: Documents, windows: dict[str, int]
) -> None:
    async with stub_server(documents) as server:
        assert (await facts_of(server, name)).windows == windows


async def test_aliases_and_models_that_do_not_chat_are_names_too() -> None:
    listed: JsonValue = {"data": [{"id": "a", "aliases": ["gpt-4o"]}, {"id": "bge-m3"}]}
    async with stub_server({"/v1/models": listed}) as server:
        facts = await facts_of(server, "generic")

    assert (facts.models, facts.names) == (("a",), ("a", "gpt-4o", "bge-m3"))


async def test_a_router_is_not_asked_for_a_model_that_it_would_have_to_load() -> None:
    async with stub_server(LLAMACPP_ROUTER) as server:
        await facts_of(server, "llamacpp", "org/idle")

    assert sorted(path for _, path, _ in server.requests) == ["/props", "/v1/models"]


@pytest.mark.parametrize(
    ("name", "listed", "default"),
    [
        ("generic", [{"id": "nomic-embed-text"}, {"id": "bge-m3"}, {"id": "qwen"}], "qwen"),
        ("generic", [{"id": "first"}, {"id": "second", "status": {"value": "loaded"}}], "second"),
        ("generic", [{"id": "embed", "status": {"value": "loaded"}}, {"id": "qwen"}], "qwen"),
        ("generic", [{"id": "whisper-1"}], None),
        ("vllm", [{"id": "a", "task": "embed"}, {"id": "b"}], "b"),
    ],
)
async def test_the_default_is_the_loaded_model_that_can_chat_else_the_first(
    name: BackendName, listed: list[JsonValue], default: str | None
) -> None:
    async with stub_server({"/v1/models": {"data": listed}}) as server:
        assert (await facts_of(server, name)).default_model == default


@pytest.mark.parametrize(
    ("shown", "running", "default"),
    [
        ({}, [], "new"),
        ({"new": ["embedding"]}, [], "middle"),
        ({"new": ["completion"], "middle": ["completion", "tools"]}, [], "middle"),
        ({"new": ["completion"], "middle": ["completion"]}, [], "new"),
        ({"new": ["completion", "tools"], "old": ["completion"]}, ["old"], "old"),
        ({"old": ["embedding"]}, ["old"], "new"),
        ({"new": ["embedding"], "middle": ["embedding"], "old": ["embedding"]}, [], None),
    ],
)
async def test_ollama_s_default_runs_or_is_the_newest_that_can_call_tools(
    shown: dict[str, list[str]], running: list[str], default: str | None
) -> None:
    names = ("nomic-embed-text", "new", "middle", "old")
    documents: Documents = {
        "/api/tags": {"models": [{"name": name} for name in names]},
        "/api/ps": {"models": [{"name": name} for name in running]},
    }
    async with ollama_that_shows(documents, shown) as server:
        facts = await facts_of(server, "ollama")

    assert facts.default_model == default
    assert "nomic-embed-text" not in facts.models


@pytest.mark.parametrize(
    ("documents", "window", "words"),
    [
        (ollama(4096), 4096, "a window of 4,096 tokens"),
        (ollama(65536), 65536, None),
        (ollama(None), None, "its default window"),
        (ollama(None, **{"/api/show": {"parameters": "num_ctx  12288"}}), 12288, "a window of 12,288 tokens"),
        (ollama(None, **{"/api/show": {"parameters": "num_ctx 40960"}}), 40960, None),
        (ollama(None, **{"/api/show": {"parameters": None, "model_info": {"x.context_length": 1}}}), None, "default"),
        (ollama(4096, **{"/api/show": {"parameters": "num_ctx 40960"}}), 4096, "4,096"),
    ],
)
@pytest.mark.parametrize("model", [None, "m"])
async def test_ollama_s_window_is_the_real_one_and_a_note_says_what_to_set_if_it_is_small(
    documents: Documents, window: int | None, words: str | None, model: str | None
) -> None:
    async with stub_server(documents) as server:
        facts = await facts_of(server, "ollama", model)

    assert facts.context_tokens == window
    if words is None:
        assert facts.note is None
    else:
        assert facts.note is not None
        assert words in facts.note
        assert "OLLAMA_CONTEXT_LENGTH=32768" in facts.note


PAGE = Answer(200, "<html>Studio</html>", "text/html")
LISTED: Documents = {"/v1/models": {"data": [{"id": "nomic-embed-text"}, {"id": "m", "aliases": ["coder"]}]}}


@pytest.mark.parametrize("name", ["lmstudio", "ollama", "llamacpp"])
async def test_a_server_that_hides_its_own_routes_is_asked_for_the_list_that_all_have(name: BackendName) -> None:
    async with stub_server({**LISTED, "/props": PAGE, "/api/v0/models": {"error": "Unexpected endpoint"}}) as server:
        facts = await facts_of(server, name)

    assert (facts.models, facts.default_model, facts.context_tokens) == (("m",), "m", None)


async def test_the_window_is_in_the_list_where_a_server_of_llama_cpps_kind_does_not_describe_itself() -> None:
    listed: Documents = {"/v1/models": {"data": [{"id": "m", "aliases": ["coder"], "context_length": 4096}]}}
    async with stub_server({**listed, "/props": PAGE}) as server:  # iii-hq/workers pull 550
        windows = [(await facts_of(server, "llamacpp", model)).context_tokens for model in (None, "m", "coder", "x")]

    assert windows == [4096, 4096, 4096, None]


async def test_facts_are_those_of_the_moment_at_which_they_are_asked() -> None:
    documents: Documents = {**ollama(None), "/api/ps": Answer(200, '{"models": []}', times=1, then=LOADED)}
    async with stub_server(documents) as server, server_at(server.base_url, "ollama") as backend:
        windows = [(await ask_facts(backend, LONG, "m")).context_tokens for _ in range(2)]

    assert windows == [None, 8192]


async def test_the_key_goes_to_the_server_that_is_asked() -> None:
    async with stub_server(VLLM) as server, server_at(server.base_url, "vllm", Secret("k")) as backend:
        await ask_facts(backend, LONG, None)

    assert sorted(server.requests) == [("GET", "/v1/models", "Bearer k"), ("GET", "/version", "Bearer k")]


async def test_a_server_that_is_silent_reports_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with server_at(f"http://127.0.0.1:{silent.getsockname()[1]}/v1", "vllm") as backend:
            assert await ask_facts(backend, SOON, None) == ServerFacts()
