"""Which server a run uses."""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.parts.raw_backend import raw_backend
from tests.parts.server_documents import LLAMACPP, MLX, OLLAMA, OPENROUTER, SGLANG, VLLM, VLLM_MLX
from tests.parts.stub_server import Answer, Documents, stub_server
from tests.parts.usual_places import NOWHERE, placed

from anyclaude.backends import BackendTarget
from anyclaude.errors import InvalidSetting, ServerUnusable
from anyclaude.launcher import detection
from anyclaude.launcher.detection import find_fallbacks, find_server, find_target, names_a_file
from anyclaude.launcher.last_server import LastServer
from anyclaude.network import Proxy, network_of
from anyclaude.protocol.json_values import JsonValue
from anyclaude.secret import Secret
from anyclaude.settings import Fallback, Mode, Settings


async def target_of(settings: Settings) -> BackendTarget:
    target = await find_target(settings)
    assert target is not None
    return target


@pytest.mark.parametrize(
    ("documents", "name"),
    [
        (LLAMACPP, "llamacpp"),
        (OLLAMA, "ollama"),
        (VLLM, "vllm"),
        (VLLM_MLX, "vllm-mlx"),
        (MLX, "mlx"),
        (SGLANG, "sglang"),
    ],
)
async def test_the_kind_of_a_server_at_an_address_is_detected(documents: dict[str, JsonValue], name: str) -> None:
    async with stub_server(documents) as server:
        target = await target_of(Settings(backend_url=server.origin))

    assert (target.profile.name, target.base_url) == (name, server.base_url)


async def test_a_server_that_says_nothing_of_itself_is_used_with_a_model_that_is_named() -> None:
    async with stub_server({}) as server:
        target = await target_of(Settings(backend_url=server.origin, model="m"))

    assert (target.profile.name, target.base_url, target.model) == ("generic", server.base_url, "m")


async def test_the_loaded_model_is_the_default_with_its_window_and_slots() -> None:
    async with stub_server(LLAMACPP) as server:
        target = await target_of(Settings(backend_url=server.origin))

    assert (target.model, target.context_tokens, target.parallel_requests) == ("qwen", 16384, 4)


async def test_settings_win_over_the_facts_that_the_server_reports() -> None:
    settings = Settings(model="mine", context_tokens=4096, parallel_requests=2, haiku_model="tiny", api_key=Secret("k"))
    async with stub_server(LLAMACPP) as server:
        target = await target_of(replace(settings, backend_url=server.origin))

    assert (target.model, target.context_tokens, target.parallel_requests) == ("mine", 4096, 2)
    assert target.models == {"haiku": "tiny"}
    assert target.api_key == Secret("k")
    assert {authorization for _, _, authorization in server.requests} == {"Bearer k"}


@pytest.mark.parametrize("mode", ["llamacpp", "lmstudio", "vllm-mlx", "mlx", "ollama", "vllm", "sglang"])
async def test_a_chosen_server_that_does_not_answer_is_reported_with_its_address_and_how_to_start_it(
    mode: Mode,
) -> None:
    with pytest.raises(ServerUnusable) as raised:
        await find_target(Settings(mode=mode, backend_url=NOWHERE))

    assert NOWHERE in str(raised.value)
    assert "Start it (" in str(raised.value)


async def test_a_kind_with_several_usual_addresses_is_taken_where_it_is() -> None:
    async with stub_server(MLX) as other, stub_server(LLAMACPP) as server:
        profiles = placed({"llamacpp": (NOWHERE, other.base_url, server.base_url)})
        target = await find_target(Settings(mode="llamacpp"), profiles)

    assert target is not None
    assert target.base_url == server.base_url


async def test_a_kind_that_answers_at_none_of_its_usual_addresses_is_reported_with_all_of_them() -> None:
    profiles = placed({"llamacpp": (NOWHERE, "http://127.0.0.1:11/v1")})

    with pytest.raises(ServerUnusable, match=r"127\.0\.0\.1:9/v1 and http://127\.0\.0\.1:11/v1 does not answer"):
        await find_target(Settings(mode="llamacpp"), profiles)


async def test_an_address_without_a_server_is_an_error() -> None:
    with pytest.raises(ServerUnusable, match=r"127\.0\.0\.1:9") as raised:
        await find_target(Settings(backend_url=NOWHERE))

    assert raised.value.reason == "refused"


@pytest.mark.parametrize("mode", ["auto", "llamacpp"])
async def test_a_server_that_loads_its_model_is_waited_for_and_the_user_is_told_once(mode: Mode) -> None:
    loading = '{"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}}'
    documents: Documents = {
        path: Answer(503, loading, times=2, then=document) for path, document in LLAMACPP.items() if path == "/props"
    }
    said: list[str] = []
    async with stub_server({**LLAMACPP, **documents}) as server:
        settings = Settings(mode=mode, backend_url=server.origin)
        target = await find_target(settings, say=said.append)

    assert target is not None
    assert (target.profile.name, target.model, target.context_tokens) == ("llamacpp", "qwen", 16384)
    assert said == [f"anyclaude: llama.cpp at {server.base_url} is loading its model; waiting for it."]


@pytest.mark.parametrize("mode", ["auto", "generic"])
@pytest.mark.parametrize("model", [None, "m"])
async def test_a_chosen_server_that_refuses_the_key_is_an_error_with_its_variable(
    mode: Mode, model: str | None
) -> None:
    async with stub_server({"/v1/models": Answer(401, '{"error": "no"}')}) as server:
        settings = Settings(mode=mode, backend_url=server.origin, model=model, api_key=Secret("hunter2"))
        with pytest.raises(ServerUnusable, match=r"refuses the key.*ANYCLAUDE_API_KEY") as raised:
            await find_target(settings)

    assert "hunter2" not in str(raised.value)


async def test_a_model_makes_a_server_usable_that_does_not_list_its_models() -> None:
    async with stub_server({}) as server:
        assert (await target_of(Settings(backend_url=server.origin, model="m"))).model == "m"


async def test_the_key_of_a_kind_goes_only_to_a_server_that_was_identified_as_that_kind() -> None:
    keys = {"VLLM_API_KEY": Secret("v"), "LLAMA_API_KEY": Secret("l"), "OLLAMA_API_KEY": Secret("o")}
    async with stub_server(VLLM) as server:
        target = await target_of(Settings(backend_url=server.origin, keys=keys))

    sent = {authorization for _, _, authorization in server.requests}
    assert target.api_key == Secret("v")
    assert sent == {None, "Bearer v"}
    assert [path for _, path, authorization in server.requests if authorization is None]


async def test_a_llama_server_with_a_key_is_identified_without_it() -> None:
    listed = {"data": [{"id": "qwen", "owned_by": "llamacpp"}]}
    keys = {"VLLM_API_KEY": Secret("v"), "LLAMA_API_KEY": Secret("l")}
    async with stub_server({"/props": Answer(401, "{}"), "/v1/models": listed}) as server:
        with pytest.raises(ServerUnusable, match=r"llama.cpp at .* refuses the key"):
            await find_target(Settings(backend_url=server.origin, keys=keys))

    assert {authorization for _, _, authorization in server.requests} == {None, "Bearer l"}


async def test_what_the_server_reports_is_in_the_target() -> None:
    async with stub_server(LLAMACPP) as server:
        target = await target_of(Settings(mode="llamacpp", backend_url=server.origin))

    assert target.version == "b11549-86a2835"
    assert not target.is_router
    assert not target.profile.accepts_images


async def test_a_note_about_the_window_is_in_the_target() -> None:
    documents: Documents = {**OLLAMA, "/api/ps": {"models": [{"name": "qwen3:8b", "context_length": 4096}]}}
    async with stub_server(documents) as server:
        target = await target_of(Settings(mode="ollama", backend_url=server.origin))

    assert len(target.notes) == 1
    assert "4,096" in target.notes[0]


async def test_a_server_under_a_path_at_a_unix_socket_and_with_a_query_is_used(tmp_path: Path) -> None:
    documents: Documents = {f"/llama{path}": document for path, document in LLAMACPP.items()}
    async with stub_server(documents, socket_path=str(tmp_path / "s.sock")) as server:
        url = f"{server.origin}/llama/v1/chat/completions?key=hunter2"
        target = await target_of(Settings(backend_url=url))

    assert (target.profile.name, target.context_tokens) == ("llamacpp", 16384)
    assert target.address == f"unix:{tmp_path}/s.sock:/llama/v1"
    assert "hunter2" not in repr(target)
    assert all(path.endswith("?key=hunter2") for _, path, _ in server.requests)


async def test_the_way_to_the_server_is_that_of_the_settings() -> None:
    async with raw_backend() as proxy:
        network = network_of({"HTTP_PROXY": proxy.origin}, None)
        settings = Settings(mode="generic", backend_url="http://model.example/v1", model="m", network=network)
        finding = asyncio.create_task(target_of(settings))
        for _ in range(2):
            received = await proxy.next_request()
            await received.answer(200, b'{"data": []}')
        target = await finding

    assert {request.path for request in proxy.requests} == {"http://model.example/v1/models"}
    assert target.way.proxy == Proxy("127.0.0.1", proxy.port)


async def test_a_server_that_does_not_report_models_requires_one_in_the_settings() -> None:
    async with stub_server({}) as server:
        with pytest.raises(ServerUnusable, match="--model"):
            await find_target(Settings(backend_url=server.origin))


async def test_a_remote_server_requires_a_model_in_the_settings() -> None:
    async with stub_server(OPENROUTER) as server:
        with pytest.raises(InvalidSetting, match="--model"):
            await find_target(Settings(mode="openrouter", backend_url=server.origin))


@pytest.mark.parametrize("settings", [Settings(mode="embedded"), Settings(model="/weights/model.gguf")])
async def test_the_embedded_engine_needs_no_server(settings: Settings) -> None:
    assert await find_target(settings) is None


async def test_a_fallback_that_is_down_is_awaited_whether_its_model_is_set_or_not() -> None:
    said: list[str] = []
    settings = Settings(
        fallbacks=(Fallback("vllm", NOWHERE, "big"), Fallback("ollama", NOWHERE)),
        keys={"VLLM_API_KEY": Secret("v")},
        api_key=Secret("first"),
    )

    targets = [found.target for found in await find_fallbacks(settings, said.append)]

    assert [(target.profile.name, target.model, target.api_key) for target in targets] == [
        ("vllm", "big", Secret("v")),
        ("ollama", "", None),
    ]
    assert [line.partition(": ")[2] for line in said] == [
        f"the fallback is used as soon as it answers: {target.awaited_because}." for target in targets
    ]


async def test_a_fallback_never_gets_the_first_servers_key() -> None:
    async with stub_server(VLLM) as server:
        settings = Settings(fallbacks=(Fallback("vllm", server.origin),), api_key=Secret("first"))
        said: list[str] = []
        (fallback,) = await find_fallbacks(settings, said.append)

    assert fallback.target.model == "Qwen/Qwen3-8B"
    assert fallback.target.api_key is None
    assert {authorization for _, _, authorization in server.requests} == {None}


@pytest.mark.parametrize("mode", ["generic", None])
async def test_a_fallback_without_a_kind_of_its_own_gets_that_key_only_if_it_names_it(mode: str | None) -> None:
    first = Secret("first")
    said: list[str] = []
    async with stub_server({"/v1/models": {"data": [{"id": "m"}]}}) as server:
        silent, asking = (Fallback(mode, server.origin, None, name) for name in (None, "ANYCLAUDE_API_KEY"))
        settings = Settings(fallbacks=(silent,), api_key=first, keys={"ANYCLAUDE_API_KEY": first})
        (without,) = await find_fallbacks(settings, said.append)
        sent = {authorization for _, _, authorization in server.requests}
        (with_key,) = await find_fallbacks(replace(settings, fallbacks=(asking,)), said.append)

    assert (without.target.profile.name, without.target.api_key, sent) == ("generic", None, {None})
    assert with_key.target.api_key == first


async def test_what_is_said_of_a_fallback_names_its_own_settings() -> None:
    said: list[str] = []
    async with (
        stub_server({"/v1/models": {"data": []}}) as empty,
        stub_server({"/v1/models": Answer(401, "{}"), "/version": Answer(401, "{}")}) as locked,
    ):
        fallbacks = (
            Fallback("vllm", NOWHERE), Fallback("generic", empty.origin),
            Fallback("generic", locked.origin), Fallback("vllm", locked.origin),
        )  # fmt: skip
        await find_fallbacks(Settings(fallbacks=fallbacks), said.append)

    down, without_model, without_key, vllm = said
    assert down.endswith("or set its address with --fallbacks.")
    assert without_model.endswith("name a model with --fallbacks SERVER#MODEL.")
    assert without_key.endswith("Set it in the variable that its api_key_variable names.")
    assert vllm.endswith("Set it in VLLM_API_KEY or the variable that its api_key_variable names.")


def test_a_model_is_a_file_if_it_is_weights() -> None:
    assert names_a_file("a/b.gguf")
    assert not names_a_file("Qwen/Qwen3-8B")
    assert not names_a_file(None)


async def continued(last: LastServer, said: list[str], settings: Settings | None = None) -> tuple[str, str, str] | None:
    """Return address, kind and model of the server that a continued session gets; nothing else runs here."""
    found = await find_server(settings or Settings(), placed({}), said.append, last=last)
    return None if found is None else (found.target.base_url, found.target.profile.name, found.target.model)


async def test_a_continued_session_gets_its_last_server_and_model_again() -> None:
    said: list[str] = []
    async with stub_server(OLLAMA) as server:
        again = await continued(LastServer("/", server.base_url, "ollama", "small:latest"), said)
        other_model = await continued(LastServer("/", server.base_url, "ollama", "gone"), said)
        named = await continued(LastServer("/", server.base_url, "ollama", "qwen3:8b"), said, Settings(model="small"))
        word = await continued(
            LastServer("/", server.base_url, "ollama", "small:latest"), said, Settings(model="sonnet")
        )

    assert again == word == named == (server.base_url, "ollama", "small:latest")
    assert other_model == (server.base_url, "ollama", "qwen3:8b")
    assert said == []


@pytest.mark.parametrize("kind", ["ollama", "llamacpp"])
async def test_a_last_server_that_is_gone_or_another_one_now_is_said_and_another_is_looked_for(kind: str) -> None:
    said: list[str] = []
    async with stub_server({"/v1/models": {"data": [{"id": "m"}]}}) as server:
        settings = Settings(keys={"OLLAMA_API_KEY": Secret("k"), "LLAMA_API_KEY": Secret("k")})
        found = await continued(LastServer("/", server.base_url, kind, "m"), said, settings)
    gone = await continued(LastServer("/", NOWHERE, kind, "m"), said)

    assert (found, gone) == (None, None)
    assert len(said) == 2
    assert all(line.startswith("anyclaude: this session's last server cannot be used, ") for line in said)
    assert {authorization for _, _, authorization in server.requests} == {None}


async def test_a_server_that_is_named_goes_before_the_last_one() -> None:
    async with stub_server(OLLAMA) as last, stub_server(VLLM) as named:
        settings = Settings(backend_url=named.origin)
        found = await continued(LastServer("/", last.base_url, "ollama", "small:latest"), [], settings)

    assert found is not None
    assert found[0] == named.base_url
    assert last.requests == []


@pytest.mark.parametrize("mode", ["llamacpp", "auto"])
async def test_a_chosen_server_that_answers_late_is_waited_for(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first questions get too little time; then the server answers."""
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        server.answers.set()

    monkeypatch.setattr(detection, "QUESTION_SECONDS", 0.2)
    async with stub_server(LLAMACPP) as server:
        server.answers.clear()
        target = await find_target(Settings(mode=mode, backend_url=server.origin), say=say)

    assert target is not None
    assert (target.profile.name, target.context_tokens) == ("llamacpp", 16_384)
    assert said == [f"anyclaude: {server.base_url} has not answered yet; waiting for it."]


async def test_a_chosen_server_that_is_busy_is_waited_for() -> None:
    said: list[str] = []
    documents: Documents = {
        path: Answer(503, "no slot", "text/plain", times=2, then=document) for path, document in LLAMACPP.items()
    }
    async with stub_server(documents) as server:
        target = await find_target(Settings(mode="llamacpp", backend_url=server.origin), say=said.append)

    assert target is not None
    assert said == [f"anyclaude: llama.cpp at {server.base_url} is busy (HTTP 503); waiting for it."]


async def test_the_model_of_a_fallback_is_checked_too() -> None:
    said: list[str] = []
    async with stub_server(VLLM) as strict, stub_server(SGLANG) as lenient:
        with pytest.raises(InvalidSetting, match=r"has no model Qwen3-9B \(--fallbacks SERVER#MODEL\)\. Did you mean"):
            await find_fallbacks(Settings(fallbacks=(Fallback(url=strict.origin, model="Qwen3-9B"),)), said.append)
        fallbacks = (Fallback(url=lenient.origin, model="other"), Fallback(url=strict.origin, model="qwen3-8b[1m]"))
        other, known = await find_fallbacks(Settings(fallbacks=fallbacks), said.append)

    assert (other.target.model, known.target.model) == ("other", "Qwen/Qwen3-8B")
    assert len(said) == 1
    assert "does not list other" in said[0]
