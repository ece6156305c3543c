"""Which servers a run has."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.parts.gateway import target_at
from tests.parts.null_progress import NullProgress
from tests.parts.server_documents import LLAMACPP, OLLAMA
from tests.parts.stub_server import stub_server

from anyclaude.errors import InvalidSetting
from anyclaude.launcher.servers import Servers, described, running_servers
from anyclaude.settings import Fallback, Settings


async def test_a_server_that_answers_is_the_main_one_and_fallbacks_follow() -> None:
    async with stub_server(LLAMACPP) as server, stub_server(OLLAMA) as other:
        settings = Settings(backend_url=server.origin, fallbacks=(Fallback("ollama", other.origin),))
        async with running_servers(settings, NullProgress(), pytest.fail) as servers:
            kinds = [target.profile.name for target in servers.targets]

    assert kinds == ["llamacpp", "ollama"]
    assert servers.main == servers.targets[0]
    assert servers.own_engine is None


async def test_mode_claude_has_no_server() -> None:
    async with running_servers(Settings(mode="claude"), NullProgress(), pytest.fail) as servers:
        pass

    assert (servers, servers.main) == (Servers(()), None)


async def test_without_a_server_the_embedded_engine_runs(tiny_model: Path, tmp_path: Path) -> None:
    settings = Settings(model=str(tiny_model), context_tokens=4096, log_dir=tmp_path, cache_dir=tmp_path / "cache")
    async with running_servers(settings, NullProgress(), pytest.fail) as servers:
        own = servers.own_engine

    assert own is not None
    assert servers.targets == (own.target,)
    assert (own.target.profile.name, own.target.context_tokens) == ("embedded", 4096)
    assert own.identity


def test_a_server_is_described_with_its_address_model_and_window() -> None:
    target = target_at("http://127.0.0.1:1/v1", "ollama")

    assert described(replace(target, context_tokens=32768)) == (
        "Ollama at http://127.0.0.1:1/v1, model local-model, window 32,768 tokens"
    )
    assert described(target) == (
        "Ollama at http://127.0.0.1:1/v1, model local-model, window unknown: asked again after the first reply"
    )


def test_the_embedded_engine_is_described_without_its_address_which_nobody_else_can_use() -> None:
    engine = target_at("http://127.0.0.1:1/v1", "embedded")

    assert described(engine) == "the embedded engine, model local-model"
    assert described(replace(engine, computed_on="the processor (2 threads)")) == (
        "the embedded engine, model local-model, computed on the processor (2 threads)"
    )


async def test_the_embedded_engine_runs_the_model_that_was_chosen(tiny_model: Path, tmp_path: Path) -> None:
    async def choose(settings: Settings) -> Settings:
        return replace(settings, model=str(tiny_model))

    settings = Settings(mode="embedded", context_tokens=4096, log_dir=tmp_path, cache_dir=tmp_path / "cache")
    async with running_servers(settings, NullProgress(), pytest.fail, choose=choose) as servers:
        assert servers.main is not None
        assert servers.main.model == tiny_model.stem


async def test_a_name_that_only_the_client_knows_is_no_file_for_the_engine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wanted: list[str | None] = []
    said: list[str] = []

    async def locate(model: str | None, *_: object) -> Path:
        wanted.append(model)
        raise InvalidSetting("enough")

    monkeypatch.setattr("anyclaude.launcher.embedded.locate_model", locate)
    for model in ("Sonnet[1m]", "claude-opus-5-5", "my.gguf"):
        with pytest.raises(InvalidSetting):
            async with running_servers(
                Settings(mode="embedded", model=model, cache_dir=tmp_path), NullProgress(), said.append
            ):
                pass

    assert wanted == [None, None, "my.gguf"]
