"""What the engine would compute on is shown without a model being run."""

import os
import sys
from pathlib import Path

import pytest
from tests.parts.processes import children_of

from anyclaude.launcher.examined_engine import ExaminedEngine, examined_engine
from anyclaude.settings import Settings


def settings(folder: Path, model: str | None = None) -> Settings:
    return Settings(log_dir=folder / "logs", cache_dir=folder / "cache", model=model, context_tokens=4096)


async def test_devices_are_shown_and_what_computes(tmp_path: Path) -> None:
    before = set(children_of(os.getpid()))
    engine = await examined_engine(settings(tmp_path), {"HOME": str(tmp_path)})

    assert engine.title.startswith("the embedded engine, xllamacpp ")
    assert engine.facts[0].startswith("CPU: ")
    assert engine.facts[-1].startswith("it computes on the processor (")
    assert set(children_of(os.getpid())) == before


async def test_a_model_that_is_here_is_shown_as_it_would_be_laid_out(tmp_path: Path, tiny_model: Path) -> None:
    engine = await examined_engine(settings(tmp_path, str(tiny_model)), {})

    assert engine.facts[-1].startswith(f"{tiny_model.stem}: window 4,096 tokens, computed on the processor (")


@pytest.mark.parametrize("model", [None, "org/coder-GGUF:Q4_K_M"])
async def test_a_model_in_a_cache_is_found_there(tmp_path: Path, tiny_model: Path, model: str | None) -> None:
    hub = tmp_path / "huggingface/hub/models--org--coder-GGUF/snapshots/1"
    folder, name = (tmp_path / "cache/models", "SmolLM2-135M-Instruct.Q4_1") if model is None else (hub, "coder-q4_k_m")
    folder.mkdir(parents=True)
    (folder / f"{name}.gguf").symlink_to(tiny_model)

    engine = await examined_engine(settings(tmp_path, model), {"HF_HUB_CACHE": str(tmp_path / "huggingface/hub")})

    assert engine.facts[-1].startswith(f"{name}: window 4,096 tokens")


async def test_a_file_that_is_no_model_is_said(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"no model")

    engine = await examined_engine(settings(tmp_path, str(broken)), {})

    assert "is not a GGUF file" in engine.facts[-1]


async def test_an_engine_that_is_not_installed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)

    engine = await examined_engine(settings(tmp_path), {})

    assert engine.title == "the embedded engine cannot run"
    assert engine.facts[0].startswith("The embedded engine is not installed. Install it with ")
    assert engine == ExaminedEngine(engine.title, engine.facts)
