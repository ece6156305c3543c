"""Which server on this machine is used if the user names none, and what is said of the others."""

import asyncio
from pathlib import Path

import pytest
from tests.parts.certificate import write_certificate
from tests.parts.gateway import running_gateway, target_at
from tests.parts.server_documents import (
    LLAMACPP,
    MLX,
    MLX_MODELS,
    OLLAMA,
    SERVERS,
    SGLANG,
    VLLM,
)
from tests.parts.stub_server import Answer, Documents, stub_server
from tests.parts.usual_places import NOWHERE, placed

from anyclaude.backends import BackendTarget
from anyclaude.errors import ServerUnusable
from anyclaude.launcher import search
from anyclaude.launcher.detection import find_server, find_target
from anyclaude.profiles import BackendName
from anyclaude.protocol.json_values import JsonValue
from anyclaude.secret import Secret
from anyclaude.settings import Settings

IDLE_OLLAMA: Documents = {**OLLAMA, "/api/ps": {"models": []}}
EMPTY_OLLAMA: Documents = {**OLLAMA, "/api/ps": {"models": []}, "/api/tags": {"models": []}}
LOADING = '{"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}}'
KEY_REFUSED = '{"error": {"message": "Invalid API Key", "type": "authentication_error", "code": 401}}'
UNKNOWN: Documents = {"/v1/models": {"object": "list", "data": [{"id": "m"}]}}


def loading(documents: dict[str, JsonValue], times: int) -> Documents:
    """Return documents that a server answers after it has said `times` times at each path that it is loading."""
    return {path: Answer(503, LOADING, times=times, then=document) for path, document in documents.items()}


async def searched(
    places: dict[BackendName, tuple[str, ...]], settings: Settings | None = None
) -> tuple[BackendTarget | None, list[str]]:
    said: list[str] = []
    target = await find_target(settings or Settings(), placed(places), said.append)
    return target, said


@pytest.mark.parametrize("name", SERVERS)
@pytest.mark.parametrize("place", SERVERS)
async def test_every_kind_is_recognised_at_every_usual_address(name: BackendName, place: BackendName) -> None:
    async with stub_server(SERVERS[name]) as server:
        target, said = await searched({place: (server.base_url,)})

    assert target is not None
    assert (target.profile.name, target.base_url, said) == (name, server.base_url, [])


@pytest.mark.parametrize("settings", [Settings(), Settings(mode="auto")])
async def test_a_kind_is_found_at_its_further_usual_addresses(settings: Settings) -> None:
    async with stub_server(LLAMACPP) as server:
        target, _ = await searched({"llamacpp": (NOWHERE, server.base_url)}, settings)

    assert target is not None
    assert (target.profile.name, target.base_url) == ("llamacpp", server.base_url)


async def test_mode_auto_with_an_address_takes_the_server_there_whatever_its_kind() -> None:
    async with stub_server(VLLM) as chosen, stub_server(OLLAMA) as other:
        settings = Settings(mode="auto", backend_url=chosen.origin)
        target, _ = await searched({"ollama": (other.base_url,)}, settings)

    assert target is not None
    assert target.profile.name == "vllm"
    assert other.requests == []


async def test_a_server_with_a_loaded_model_goes_before_one_without() -> None:
    async with stub_server(IDLE_OLLAMA) as idle, stub_server(SGLANG) as loaded:
        target, _ = await searched({"ollama": (idle.base_url,), "sglang": (loaded.base_url,)})

    assert target is not None
    assert target.profile.name == "sglang"


async def test_among_servers_that_have_loaded_a_model_the_order_of_the_table_decides() -> None:
    async with stub_server(VLLM) as later, stub_server(OLLAMA) as earlier:
        target, _ = await searched({"vllm": (later.base_url,), "ollama": (earlier.base_url,)})

    assert target is not None
    assert target.profile.name == "ollama"


async def test_the_server_that_has_the_model_of_the_settings_goes_first() -> None:
    async with stub_server(LLAMACPP) as other, stub_server(IDLE_OLLAMA) as with_model:
        places: dict[BackendName, tuple[str, ...]] = {"llamacpp": (other.base_url,), "ollama": (with_model.base_url,)}
        target, _ = await searched(places, Settings(model="small:latest"))

    assert target is not None
    assert (target.profile.name, target.model) == ("ollama", "small:latest")


async def test_a_server_that_is_loading_its_model_is_waited_for_with_one_line() -> None:
    async with stub_server(loading(LLAMACPP, times=6)) as server:
        target, said = await searched({"llamacpp": (server.base_url,)})

    assert target is not None
    assert (target.profile.name, target.model) == ("llamacpp", "qwen")
    assert said == [f"anyclaude: llama.cpp at {server.base_url} is loading its model; waiting for it."]


async def test_a_server_that_is_loading_its_model_is_awaited_as_the_one_that_was_found() -> None:
    documents: Documents = {path: Answer(503, LOADING) for path in LLAMACPP}
    async with stub_server(documents) as server:
        awaited = await find_server(Settings(), placed({"llamacpp": (server.base_url,)}), pytest.fail, awaits=True)
    async with stub_server(LLAMACPP, port=int(server.origin.rpartition(":")[2])):
        assert awaited is not None
        found = await awaited.ask_again(awaited.target)

    assert (awaited.target.profile.name, awaited.target.base_url) == ("llamacpp", server.base_url)
    assert "is still loading its model" in (awaited.target.awaited_because or "")
    assert (found.model, found.context_tokens) == ("qwen", 16_384)


async def test_with_nothing_to_find_there_is_nothing_to_await() -> None:
    assert await find_server(Settings(), placed({}), pytest.fail, awaits=True) is None


async def test_a_server_that_is_loading_goes_before_one_that_has_loaded_nothing_but_not_before_a_ready_one() -> None:
    async with stub_server(loading(LLAMACPP, times=6)) as starting, stub_server(IDLE_OLLAMA) as idle:
        first, _ = await searched({"llamacpp": (starting.base_url,), "ollama": (idle.base_url,)})
    async with stub_server(loading(LLAMACPP, times=6)) as starting, stub_server(OLLAMA) as ready:
        second, said = await searched({"llamacpp": (starting.base_url,), "ollama": (ready.base_url,)})

    assert first is not None
    assert second is not None
    assert (first.profile.name, second.profile.name, said) == ("llamacpp", "ollama", [])


@pytest.mark.parametrize(
    "documents", [UNKNOWN, {"/v1/models": {"data": []}}, {"/v1/models": Answer(200, "")}, {"/v1/models": MLX_MODELS}]
)
async def test_an_unknown_server_that_lists_models_ends_the_start_with_the_flags_that_use_it(
    documents: Documents,
) -> None:
    async with stub_server(documents) as server:
        with pytest.raises(
            ServerUnusable, match=f"--mode generic --backend-url {server.origin}\\. .* --mode embedded$"
        ):
            await searched({"llamacpp": (NOWHERE, server.base_url)})

    assert {method for method, _, _ in server.requests} == {"GET"}


async def test_an_unknown_server_beside_a_known_one_is_not_mentioned() -> None:
    async with stub_server(UNKNOWN) as unknown, stub_server(OLLAMA) as known:
        target, said = await searched({"llamacpp": (unknown.base_url,), "ollama": (known.base_url,)})

    assert target is not None
    assert (target.profile.name, said) == ("ollama", [])


@pytest.mark.parametrize(
    "documents",
    [
        {},
        {"/v1/models": Answer(404, "<html>Not Found</html>", "text/html")},
        {"/v1/models": Answer(200, "<html>Jenkins</html>", "text/html")},
        {"/v1/models": Answer(500, "<html>Traceback</html>", "text/html")},
        {"/v1/models": Answer(302, "", headers={"Location": "/login"})},
        {"/v1/models": Answer(400, "{}")},
        {"/v1/models": {"detail": "something else"}},
        {"/v1/models": ["a"]},
        {"/version": {"version": "3.1"}, "/api/version": {"version": "0.6.5"}},  # Open WebUI has the second
    ],
)
async def test_what_is_no_model_server_is_passed_over_and_said_in_one_line(documents: Documents) -> None:
    async with stub_server(documents) as server:
        target, said = await searched({"llamacpp": (server.base_url,)})

    assert target is None
    assert len(said) == 1
    assert said[0].startswith(f"anyclaude: what answers at {server.origin} is not used: it ")


@pytest.mark.parametrize("banner", [b"SSH-2.0-OpenSSH_9.6\r\n", b"-ERR unknown command\r\n", b""])
async def test_what_does_not_speak_http_is_no_server(banner: bytes) -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(banner)
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        target, said = await searched({"llamacpp": (f"http://127.0.0.1:{port}/v1",)})

    assert (target, said) == (None, [])


async def test_a_server_that_answers_late_is_waited_for_and_used() -> None:
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        server.answers.set()

    async with stub_server(LLAMACPP) as server:
        server.answers.clear()
        target = await find_target(Settings(), placed({"llamacpp": (server.base_url,)}), say)

    assert target is not None
    assert (target.profile.name, target.context_tokens) == ("llamacpp", 16_384)
    assert said == [f"anyclaude: a server at {server.origin} has not answered yet; waiting for it."]


async def test_a_server_that_speaks_tls_where_none_is_expected_is_said_with_its_address(tmp_path: Path) -> None:
    _, tls = write_certificate(tmp_path)
    async with stub_server(LLAMACPP, tls=tls) as server:
        plain = server.base_url.replace("https:", "http:")
        target, said = await searched({"llamacpp": (plain,)})

    assert target is None
    assert len(said) == 1
    assert said[0].endswith(f"Use https: --backend-url {server.base_url}.")


async def test_a_known_server_that_is_busy_goes_behind_one_that_can_be_used() -> None:
    documents: Documents = {**LLAMACPP, "/v1/models": Answer(429, "try later", "text/plain")}
    async with stub_server(documents) as busy, stub_server(IDLE_OLLAMA) as idle:
        target, _ = await searched({"llamacpp": (busy.base_url,), "ollama": (idle.base_url,)})
        alone = find_target(Settings(), placed({"llamacpp": (busy.base_url,)}), loading_seconds=0)
        with pytest.raises(ServerUnusable, match="HTTP 429: try later"):
            await alone

    assert target is not None
    assert target.profile.name == "ollama"


async def test_a_server_that_never_answers_ends_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "BUSY_SECONDS", 0.1)
    async with stub_server({}) as server:
        server.answers.clear()
        with pytest.raises(ServerUnusable, match=f"{server.base_url} does not answer within 0.1 s.* --mode embedded$"):
            await searched({"llamacpp": (server.base_url,)})


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(
    ("body", "content_type"),
    [("", "text/plain"), ("<html><title>Denied</title></html>", "text/html"), (KEY_REFUSED, "application/json")],
)
async def test_whatever_refuses_access_wants_a_key(status: int, body: str, content_type: str) -> None:
    refusal = Answer(status, body, content_type)
    async with stub_server(dict.fromkeys(("/v1/models", "/props"), refusal)) as server:
        with pytest.raises(ServerUnusable, match=r"requires a key .*ANYCLAUDE_API_KEY") as raised:
            await searched({"llamacpp": (server.base_url,)})

    assert "embedded engine" not in str(raised.value)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_a_server_that_cannot_now_is_waited_for(status: int) -> None:
    """The first answers are refusals; then the server says what it is."""
    documents: Documents = {
        path: Answer(status, "try later", "text/plain", times=1, then=document) for path, document in LLAMACPP.items()
    }
    async with stub_server(documents) as server:
        target, said = await searched({"llamacpp": (server.base_url,)})

    assert target is not None
    assert target.profile.name == "llamacpp"
    assert said == [f"anyclaude: a server at {server.origin} answers that it cannot now; waiting for it."]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_a_server_that_never_can_ends_the_start_with_its_words(status: int) -> None:
    async with stub_server({"/v1/models": Answer(status, "try later", "text/plain")}) as server:
        with pytest.raises(ServerUnusable, match=f"HTTP {status}: try later.* --mode embedded$"):
            await find_target(Settings(), placed({"llamacpp": (server.base_url,)}), loading_seconds=0)


async def test_a_server_that_lists_its_models_elsewhere_ends_the_start_with_its_address() -> None:
    async with stub_server({"/models": {"data": [{"id": "m"}]}}) as server:
        with pytest.raises(ServerUnusable, match=rf"--backend-url {server.origin}\b.* --mode embedded$"):
            await searched({"llamacpp": (server.base_url,)})


async def test_a_known_server_without_a_model_is_named_and_not_used() -> None:
    async with stub_server(EMPTY_OLLAMA) as server:
        target, said = await searched({"ollama": (server.base_url,)})

    assert target is None
    assert said == [f"anyclaude: Ollama at {server.origin} reports no model that can chat."]


async def test_a_server_that_wants_a_key_ends_the_start_with_the_name_of_a_variable() -> None:
    async with stub_server({"/props": Answer(401, KEY_REFUSED), "/v1/models": Answer(401, KEY_REFUSED)}) as server:
        with pytest.raises(
            ServerUnusable,
            match=r"requires a key .*Invalid API Key.*ANYCLAUDE_API_KEY.*\(--mode llamacpp\)\. .* --mode embedded$",
        ):
            await searched({"llamacpp": (server.base_url,)}, Settings(keys={"LLAMA_API_KEY": Secret("secret")}))

    assert {authorization for _, _, authorization in server.requests} == {None}


async def test_a_server_of_a_known_kind_that_wants_a_key_is_asked_with_the_key_of_its_kind() -> None:
    listed = {**LLAMACPP["/v1/models"], "data": [{"id": "qwen", "owned_by": "llamacpp"}]}  # type: ignore[dict-item]
    async with stub_server({"/props": Answer(401, KEY_REFUSED), "/v1/models": listed}) as server:
        settings = Settings(keys={"LLAMA_API_KEY": Secret("wrong")})
        with pytest.raises(ServerUnusable, match=r"llama\.cpp at .* refuses the key .*LLAMA_API_KEY"):
            await searched({"llamacpp": (server.base_url,)}, settings)

    assert "Bearer wrong" in {authorization for _, _, authorization in server.requests}


async def test_a_key_of_a_kind_is_not_sent_to_a_server_of_another() -> None:
    async with stub_server(UNKNOWN) as server:
        settings = Settings(keys={"LLAMA_API_KEY": Secret("secret"), "SGLANG_API_KEY": Secret("secret")})
        with pytest.raises(ServerUnusable):
            await searched({"llamacpp": (server.base_url,)}, settings)

    assert server.requests
    assert {authorization for _, _, authorization in server.requests} == {None}


async def test_a_locked_server_does_not_keep_another_from_being_used() -> None:
    async with stub_server({"/v1/models": Answer(401, KEY_REFUSED)}) as locked, stub_server(IDLE_OLLAMA) as known:
        target, said = await searched({"llamacpp": (locked.base_url,), "ollama": (known.base_url,)})

    assert target is not None
    assert (target.profile.name, said) == ("ollama", [])


async def test_a_gateway_like_this_one_is_recognised_and_not_used(tmp_path: Path) -> None:
    async with running_gateway(tmp_path, target_at(NOWHERE, "ollama")) as gateway:
        target, said = await searched({"llamacpp": (f"{gateway.base_url}/v1",)})

    assert target is None
    assert said == [f"anyclaude: the server at {gateway.base_url} is a gateway of anyclaude itself; it is not used."]


async def test_where_nothing_answers_nothing_is_said() -> None:
    assert await searched({}) == (None, [])


async def test_mlx_lm_is_told_from_a_server_that_lists_models_alike() -> None:
    async with stub_server(MLX) as mlx:
        target, _ = await searched({"mlx": (mlx.base_url,)})

    assert target is not None
    assert target.profile.name == "mlx"
