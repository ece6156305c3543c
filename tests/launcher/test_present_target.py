"""What a server runs when it is asked again."""

import pytest
from msgspec.structs import replace
from tests.parts.restarting_server import RestartingServer
from tests.parts.server_documents import LLAMACPP, MLX, VLLM, scripted_llamacpp, scripted_ollama
from tests.parts.stub_server import Answer, Documents, stub_server
from tests.parts.usual_places import placed

from anyclaude.errors import ServerUnusable
from anyclaude.launcher.detection import FoundServer, find_fallbacks, find_server
from anyclaude.protocol.json_values import JsonObject, JsonValue
from anyclaude.settings import Fallback, Settings

ANY = Settings()
LOADING = Answer(503, '{"error": {"message": "Loading model", "code": 503}}')


async def found_at(origin: str, settings: Settings = ANY) -> FoundServer:
    """Return the server at an address, or the one that is awaited there."""
    found = await find_server(replace(settings, backend_url=origin), awaits=True)
    assert found is not None
    return found


async def test_a_server_that_has_not_changed_is_the_same_and_its_template_is_not_asked_for() -> None:
    async with stub_server(LLAMACPP) as server:
        found = await found_at(server.origin)
        asked_before = len(server.requests)

        assert await found.ask_again(found.target) == found.target

    assert "/apply-template" not in [path for _, path, _ in server.requests[asked_before:]]


async def test_a_smaller_window_and_another_model_are_noticed() -> None:
    server = RestartingServer()
    async with server.running("qwen", 32_768):
        found = await found_at(server.origin)
    async with server.running("qwen", 8_192):
        smaller = await found.ask_again(found.target)
    async with server.running("gemma", 4_096):
        other = await found.ask_again(smaller)

    assert smaller == replace(found.target, context_tokens=8_192)
    assert (other.model, other.context_tokens, other.available_models) == ("gemma", 4_096, ("gemma",))


async def test_what_the_user_set_wins_over_what_the_server_runs_now() -> None:
    server = RestartingServer()
    async with server.running("qwen", 32_768):
        found = await found_at(server.origin, Settings(model="qwen", context_tokens=16_384, haiku_model="tiny"))
    async with server.running("gemma", 4_096):
        other = await found.ask_again(found.target)

    assert (other.model, other.context_tokens, other.models) == ("qwen", 16_384, {"haiku": "tiny"})
    assert other.available_models == ("gemma",)


async def test_a_model_that_the_server_still_has_is_kept_when_another_is_loaded_beside_it() -> None:
    listed: JsonObject = {"object": "list", "data": [{"id": "a", "loaded": False}, {"id": "b", "loaded": True}]}
    documents: Documents = {**VLLM, "/v1/models": listed}
    async with stub_server(documents) as server:
        found = await found_at(server.origin, Settings(mode="vllm"))
        assert await found.ask_again(replace(found.target, model="a")) == replace(found.target, model="a")

    assert found.target.model == "b"


async def test_a_window_that_shows_once_the_model_is_loaded_is_noticed_and_kept_when_it_is_unloaded() -> None:
    idle, running = (scripted_ollama("qwen3:8b", window) for window in (None, 8192))
    server = RestartingServer()
    async with stub_server(idle, port=server.port):
        found = await found_at(server.origin, Settings(mode="ollama"))
    async with stub_server(running, port=server.port):
        loaded = await found.ask_again(found.target)
    async with stub_server(idle, port=server.port):
        unloaded = await found.ask_again(loaded)

    assert (found.target.context_tokens, loaded.context_tokens, unloaded.context_tokens) == (None, 8192, 8192)


async def test_lm_studios_window_is_known_once_the_model_is_loaded() -> None:
    def listed(**facts: JsonValue) -> Documents:
        model: JsonObject = {"id": "qwen", "type": "llm", "max_context_length": 131072, **facts}
        return {"/api/v0/models": {"data": [model]}, "/v1/models": {"data": [{"id": "qwen"}]}}

    server = RestartingServer()
    async with stub_server(listed(state="not-loaded"), port=server.port):
        found = await found_at(server.origin, Settings(mode="lmstudio"))
    async with stub_server(listed(state="loaded", loaded_context_length=4096), port=server.port):
        loaded = await found.ask_again(found.target)

    assert (found.target.context_tokens, loaded.context_tokens) == (None, 4096)


@pytest.mark.parametrize(
    ("documents", "sentence"),
    [
        ({"/v1/models": LOADING, "/props": LOADING}, "is still loading its model"),
        ({"/v1/models": Answer(502, "<h1>Bad gateway</h1>", "text/html")}, "answers with an error: HTTP 502"),
        ({}, "name a model with --model"),
    ],
)
async def test_a_server_that_cannot_be_used_yet_is_awaited_with_its_sentence_and_found_as_its_kind(
    documents: Documents, sentence: str
) -> None:
    server = RestartingServer()
    async with stub_server(documents, port=server.port):
        awaited = await found_at(f"{server.origin}/v1", Settings(context_tokens=1_024))
        with pytest.raises(ServerUnusable, match=sentence):
            await awaited.ask_again(awaited.target)
    async with server.running():
        found = await awaited.ask_again(awaited.target)

    assert sentence in (awaited.target.awaited_because or "")
    assert (awaited.target.profile.name, awaited.target.model) == ("generic", "")
    assert (found.profile.name, found.model, found.context_tokens) == ("llamacpp", "qwen", 1_024)
    assert found.awaited_because is None


@pytest.mark.parametrize(
    ("documents", "sentence"),
    [
        ({"/v1/models": Answer(401, "{}")}, "requires a key"),
        ({"/v1/models": Answer(302, "", headers={"location": "https://elsewhere.example/v1/models"})}, "redirects to"),
        ({"/models": {"data": [{"id": "m"}]}}, "lists its models elsewhere"),
    ],
)
async def test_what_only_another_setting_mends_is_not_awaited(documents: Documents, sentence: str) -> None:
    async with stub_server(documents) as server:
        with pytest.raises(ServerUnusable, match=sentence):
            await found_at(f"{server.origin}/v1")


async def test_a_fallback_is_awaited_whatever_the_reason_is() -> None:
    said: list[str] = []
    async with stub_server({"/v1/models": Answer(401, "{}")}) as server:
        (fallback,) = await find_fallbacks(Settings(fallbacks=(Fallback("vllm", server.origin),)), said.append)

    assert "requires a key" in (fallback.target.awaited_because or "")
    assert len(said) == 1


async def test_an_awaited_server_may_turn_up_at_any_address_that_is_usual_for_its_kind() -> None:
    nowhere, server = RestartingServer(), RestartingServer()
    profiles = placed({"llamacpp": (nowhere.origin, server.origin)})
    awaited = await find_server(Settings(mode="llamacpp", model="qwen"), profiles, awaits=True)
    assert awaited is not None
    async with server.running():
        found = await awaited.ask_again(awaited.target)

    assert (awaited.target.profile.name, awaited.target.model) == ("llamacpp", "qwen")
    assert f"{nowhere.origin}/v1 and {server.origin}/v1 does not answer" in (awaited.target.awaited_because or "")
    assert (found.base_url, found.context_tokens) == (f"{server.origin}/v1", 32_768)


async def test_another_kind_of_server_at_the_address_is_recognised_if_the_user_named_none() -> None:
    server = RestartingServer()
    async with stub_server(MLX, port=server.port):
        found = await found_at(server.origin)
    async with stub_server(scripted_llamacpp("qwen", 4_096), port=server.port):
        other = await found.ask_again(found.target)

    assert (found.target.profile.name, other.profile.name, other.context_tokens) == ("mlx", "llamacpp", 4_096)


async def test_a_server_that_is_gone_is_an_error_if_the_user_named_no_kind() -> None:
    async with stub_server(LLAMACPP) as server:
        found = await found_at(server.origin)

    with pytest.raises(ServerUnusable, match="nothing listens there"):
        await found.ask_again(found.target)
