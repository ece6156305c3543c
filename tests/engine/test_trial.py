"""A trial runs a real engine with some options, and reports its own figures or why it failed."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.parts.null_progress import NullProgress

from anyclaude.engine import EngineOptions
from anyclaude.engine.trial import Workload, try_engine


@pytest.mark.parametrize(
    "options",
    [
        EngineOptions(context_tokens=4096, step_tokens=128, flash_attention=True, threads=1),
        EngineOptions(context_tokens=4096, flash_attention=False, kv_type="f16"),
    ],
    ids=["small steps", "without flash attention"],
)
async def test_an_engine_is_measured_by_its_own_figures(
    options: EngineOptions, tiny_model: Path, tmp_path: Path
) -> None:
    trial, seconds = await try_engine(tiny_model, options, Workload(), tmp_path, NullProgress(), within_seconds=60)

    assert trial.failure == ""
    assert min(trial.evaluated, trial.generated, seconds) > 0
    assert trial.window == 4096


async def test_an_engine_that_does_not_start_is_a_failure(tmp_path: Path) -> None:
    model = tmp_path / "model.gguf"
    model.write_bytes(b"no model")

    trial, _ = await try_engine(model, EngineOptions(), Workload(), tmp_path, NullProgress(), within_seconds=60)

    assert "is not a GGUF file" in trial.failure
    assert trial.turn_seconds == float("inf")


async def test_an_engine_that_does_not_reply_in_time_is_a_failure(tiny_model: Path, tmp_path: Path) -> None:
    trial, _ = await try_engine(
        tiny_model, EngineOptions(context_tokens=4096), Workload(), tmp_path, NullProgress(), within_seconds=0.0
    )

    assert "no reply within 0 seconds" in trial.failure


@given(st.floats(0.0, 1000.0), st.floats(0.1, 60.0))
def test_the_work_fits_the_time_within_its_bounds(seconds: float, allowed: float) -> None:
    scaled = Workload().scaled(seconds, allowed)

    assert 2 <= scaled.functions <= 16
    assert 16 <= scaled.reply_tokens <= 128
