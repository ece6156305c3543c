"""What a client would get, before anything has started."""

import io
from pathlib import Path

import pytest
from tests.parts.stub_server import Answer, stub_server

from anyclaude.errors import ServerUnusable
from anyclaude.launcher import Invocation, print_environment
from anyclaude.settings import Settings

SECRET = "sk-ant-api03-not-a-real-one"


async def printed(folder: Path, settings: Settings, *words: str, **environment: str) -> str:
    out = io.StringIO()
    assert await print_environment(Invocation(words, {"HOME": str(folder), **environment}, folder), settings, out) == 0
    return out.getvalue()


async def test_the_embedded_engine_is_described_as_far_as_it_is_known(tmp_path: Path) -> None:
    default = await printed(tmp_path, Settings(mode="embedded", cache_dir=tmp_path))
    named = await printed(tmp_path, Settings(mode="embedded", model="/x/qwen3.gguf", cache_dir=tmp_path))

    assert default.startswith(
        "# answered by the embedded engine, model SmolLM2-135M-Instruct.Q4_1, window 8,192 tokens"
    )
    assert named.startswith("# answered by the embedded engine, model qwen3\n")


async def test_a_client_that_is_missing_is_announced_to_be_installed(tmp_path: Path) -> None:
    settings = Settings(mode="claude", claude_version="9.9.9", cache_dir=tmp_path)

    assert "# started: Claude Code 9.9.9, to be installed" in await printed(tmp_path, settings, "-p", "hi")


async def test_settings_and_credentials_are_not_shown(tmp_path: Path) -> None:
    settings = Settings(mode="claude", cache_dir=tmp_path)
    words = ("--settings", f'{{"env": {{"KEY": "{SECRET}"}}}}', "-p", "hi")

    out = await printed(tmp_path, settings, *words, ANTHROPIC_API_KEY=SECRET)

    assert "--settings '<a private file>' -p hi" in out
    assert SECRET not in out


async def test_a_server_that_is_loading_its_model_is_reported_and_not_waited_for(tmp_path: Path) -> None:
    loading = Answer(503, '{"error": {"message": "Loading model"}}')
    async with stub_server({"/props": loading, "/v1/models": loading}) as server:
        with pytest.raises(ServerUnusable, match=r"llama\.cpp at .* is still loading its model"):
            await printed(tmp_path, Settings(backend_url=server.origin, cache_dir=tmp_path))
