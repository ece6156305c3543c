"""The models of a run, as they are listed."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.parts.server_documents import LLAMACPP_ROUTER, LMSTUDIO, OLLAMA
from tests.parts.stub_server import stub_server

from anyclaude.launcher.model_list import list_models
from anyclaude.protocol.json_values import JsonValue
from anyclaude.settings import Settings


async def listed(settings: Settings, folder: Path, say: Callable[[str], None] = pytest.fail) -> list[str]:
    """Return the lines of the list."""
    out = io.StringIO()
    assert await list_models(settings, {"HOME": str(folder)}, say, out) == 0
    return out.getvalue().splitlines()


@pytest.mark.parametrize(
    ("documents", "used", "other"),
    [
        (LMSTUDIO, "* busy  loaded · window 32,768", "  idle"),
        (OLLAMA, "* qwen3:8b  loaded · window 65,536", "  small:latest"),
        (LLAMACPP_ROUTER, "* org/busy:Q4  loaded · window 65,536", "  org/idle"),
    ],
)
async def test_the_model_of_a_launch_is_marked_and_the_loaded_one_said(
    tmp_path: Path, documents: dict[str, JsonValue], used: str, other: str
) -> None:
    async with stub_server(documents) as server:
        lines = await listed(Settings(backend_url=server.origin), tmp_path)

    assert used in lines
    assert other in lines


async def test_tiers_and_models_that_the_server_does_not_list_are_said(tmp_path: Path) -> None:
    documents: dict[str, JsonValue] = {"/v1/models": {"data": [{"id": "big"}, {"id": "small"}]}}
    said: list[str] = []
    async with stub_server(documents) as server:
        settings = Settings(mode="generic", backend_url=server.origin, model="big", haiku_model="tiny")
        lines = await listed(settings, tmp_path, said.append)

    assert "  tiny  for haiku · not in the server's list" in lines


async def test_where_the_server_lacks_a_model_that_is_named_its_own_are_listed_all_the_same(tmp_path: Path) -> None:
    said: list[str] = []
    async with stub_server(OLLAMA) as server:
        lines = await listed(Settings(backend_url=server.origin, haiku_model="tiny"), tmp_path, said.append)

    assert "has no model tiny" in said[0]
    assert "  small:latest" in lines


async def test_for_the_embedded_engine_the_files_are_listed(tmp_path: Path) -> None:
    file = tmp_path / "cache" / "models" / "a.gguf"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"x" * 2_000_000)

    lines = await listed(Settings(mode="embedded", cache_dir=tmp_path / "cache"), tmp_path)

    assert any(line.startswith("* SmolLM2-135M-Instruct, for demonstration") for line in lines)
    assert f"      2 MB  {file}" in lines


async def test_in_mode_claude_the_models_are_anthropics(tmp_path: Path) -> None:
    [line] = await listed(Settings(mode="claude"), tmp_path)

    assert "/model" in line
