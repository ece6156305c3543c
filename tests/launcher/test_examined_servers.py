"""The user's servers are asked which of the helpful flags they have."""

import pytest
from msgspec.structs import replace
from tests.parts.server_documents import LLAMACPP, MLX, OLLAMA, VLLM
from tests.parts.stub_server import Answer, stub_server
from tests.parts.usual_places import NOWHERE, placed

from anyclaude.launcher.examined_servers import ExaminedServer, examined_servers
from anyclaude.protocol.json_values import JsonValue
from anyclaude.secret import Secret
from anyclaude.settings import Fallback, Settings

PROPS: JsonValue = {
    "default_generation_settings": {"n_ctx": 16384, "params": {}},
    "total_slots": 4,
    "build_info": "b11669-Debian",
}
SLOTS: JsonValue = [{"id": 0, "n_ctx": 4096, "speculative": False, "is_processing": False}]
METRICS = Answer(
    200, 'vllm:cache_config_info{cache_dtype="auto",enable_prefix_caching="True"} 1.0\n', content_type="text/plain"
)


def states(server: ExaminedServer) -> dict[str, str]:
    """Return what a server tells of each flag, by its words."""
    return {one.flag.words: one.state for one in server.flags}


async def examined(settings: Settings, named: str | None = None) -> list[ExaminedServer]:
    return await examined_servers(settings, named, pytest.fail, placed({}))


async def test_llama_server_tells_its_slots_and_its_speculation() -> None:
    async with stub_server({**LLAMACPP, "/props": PROPS, "/slots": SLOTS}) as server:
        (found,) = await examined(Settings(backend_url=server.origin))

    assert (found.target.profile.name, found.version, found.is_older) == ("llamacpp", "b11669-Debian", False)
    assert states(found)["--parallel 4 --kv-unified"] == "set"
    assert states(found)["--spec-type ngram-mod"] == "unset"
    assert states(found)["--cache-ram 8192"] == "untold"


async def test_vllm_tells_its_cache_and_its_speculation() -> None:
    async with stub_server({**VLLM, "/metrics": METRICS}) as server:
        (found,) = await examined(Settings(backend_url=server.origin))

    assert {words.split()[0]: state for words, state in states(found).items()} == {
        "--speculative-config": "unset",
        "--enable-prefix-caching": "set",
        "--enable-auto-tool-choice": "untold",
        "--enable-prompt-tokens-details": "untold",
        "--kv-cache-dtype": "unset",
        "--max-num-seqs": "untold",
    }


async def test_a_server_that_answers_no_further_question_tells_nothing() -> None:
    async with stub_server(VLLM) as server:
        (found,) = await examined(Settings(backend_url=server.origin))

    assert set(states(found).values()) == {"untold"}


async def test_a_server_gets_no_flags_that_its_release_does_not_have() -> None:
    assert isinstance(PROPS, dict)
    async with stub_server({**LLAMACPP, "/props": {**PROPS, "build_info": "b8000-1"}}) as server:
        (found,) = await examined(Settings(backend_url=server.origin))

    assert "--spec-type draft-mtp,ngram-mod" not in {one.flag.words for one in found.flags}
    assert "--spec-type ngram-mod" in {one.flag.words for one in found.flags}
    assert found.is_older


async def test_of_other_kinds_no_flags_are_known() -> None:
    async with stub_server(OLLAMA) as server:
        (found,) = await examined(Settings(mode="ollama", backend_url=server.origin))

    assert (found.release, found.flags) == ("", ())


async def test_every_server_at_a_usual_address_is_asked_and_each_once() -> None:
    async with stub_server({**LLAMACPP, "/props": PROPS}) as one, stub_server(MLX) as other:
        places = placed({"llamacpp": (one.base_url,), "mlx": (other.base_url, NOWHERE)})
        found = await examined_servers(Settings(), None, pytest.fail, places)

    assert [server.target.profile.name for server in found] == ["llamacpp", "mlx"]


async def test_fallbacks_are_asked_too() -> None:
    async with stub_server({**LLAMACPP, "/props": PROPS}) as one, stub_server(VLLM) as other:
        fallback = Fallback("vllm", other.origin)
        found = await examined(Settings(backend_url=one.origin, fallbacks=(fallback,)))

    assert [server.target.profile.name for server in found] == ["llamacpp", "vllm"]


@pytest.mark.parametrize("mode", ["embedded", "claude"])
async def test_without_a_server_of_the_user_s_none_is_asked(mode: str) -> None:
    assert await examined(replace(Settings(), mode=mode)) == []


@pytest.mark.parametrize("mode", ["auto", "llamacpp"])
async def test_a_server_that_is_not_there_is_said(mode: str) -> None:
    said: list[str] = []
    found = await examined_servers(replace(Settings(backend_url=NOWHERE), mode=mode), None, said.append, placed({}))

    assert found == []
    assert ["nothing listens there" in sentence for sentence in said] == [True]


async def test_the_key_of_the_run_s_server_is_not_for_one_at_another_address() -> None:
    async with stub_server({**LLAMACPP, "/props": PROPS}) as own, stub_server({**LLAMACPP, "/props": PROPS}) as other:
        settings = Settings(backend_url=own.origin, api_key=Secret("sk-own"))
        await examined(settings, other.base_url)
        await examined(settings, own.base_url)

    assert {key for _, _, key in other.requests} == {None}
    assert "Bearer sk-own" in {key for _, _, key in own.requests}
