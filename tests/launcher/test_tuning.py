"""What tuning has found is applied to the next launches of the same model, below what the user has set."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.parts.null_progress import NullProgress

from anyclaude.engine.tuning import Row, TunedOptions
from anyclaude.errors import EngineFailed
from anyclaude.launcher.embedded import running_engine
from anyclaude.launcher.tuning import engine_options, keep, subject_of, tune_engine, with_tuned
from anyclaude.settings import Settings


async def test_a_finding_applies_to_its_model_until_it_is_forgotten(tiny_model: Path, tmp_path: Path) -> None:
    settings = Settings(model=str(tiny_model), log_dir=tmp_path / "logs", cache_dir=tmp_path / "cache")
    subject = await subject_of(settings, NullProgress())
    keep(settings, subject, TunedOptions(threads=3, step_tokens=128))

    found = with_tuned(settings, engine_options(settings), tiny_model)
    set_by_user = replace(settings, threads=1)
    other = tmp_path / "other.gguf"
    other.write_bytes(b"GGUF")

    assert (found.threads, found.step_tokens) == (3, 128)
    assert with_tuned(set_by_user, engine_options(set_by_user), tiny_model).threads == 1
    assert with_tuned(settings, engine_options(settings), other) == engine_options(settings)
    keep(settings, subject, TunedOptions())
    assert with_tuned(settings, engine_options(settings), tiny_model) == engine_options(settings)


async def test_what_was_found_reaches_the_engine(tiny_model: Path, tmp_path: Path) -> None:
    settings = Settings(
        model=str(tiny_model), context_tokens=2048, log_dir=tmp_path / "logs", cache_dir=tmp_path / "cache"
    )
    progress = NullProgress()
    keep(settings, await subject_of(settings, progress), TunedOptions(threads=3))

    async with running_engine(settings, progress, lambda _: None) as own:
        (log_file,) = (settings.log_dir / "logs").glob("engine-*.log")
        log = log_file.read_text(errors="replace")
        computed_on = own.target.computed_on

    assert "n_threads = 3\n" in log
    assert computed_on is not None
    assert computed_on.endswith(", tuned")


async def test_what_was_found_never_keeps_the_kv_type_of_the_user_from_starting(
    tiny_model: Path, tmp_path: Path
) -> None:
    settings = Settings(
        model=str(tiny_model), kv_type="q8_0", context_tokens=2048, log_dir=tmp_path / "logs", cache_dir=tmp_path / "c"
    )
    keep(settings, await subject_of(settings, NullProgress()), TunedOptions(flash_attention=False))

    async with running_engine(settings, NullProgress(), lambda _: None) as own:
        assert own.target.context_tokens == 2048


async def test_an_engine_that_does_not_start_is_an_error_and_keeps_nothing(tmp_path: Path) -> None:
    model = tmp_path / "model.gguf"
    model.write_bytes(b"no model")
    settings = Settings(model=str(model), log_dir=tmp_path / "logs", cache_dir=tmp_path / "cache")
    subject = await subject_of(settings, NullProgress())

    with pytest.raises(EngineFailed, match="is not a GGUF file"):
        await tune_engine(settings, subject, 0.2, NullProgress(), lambda _: None)

    assert not (settings.log_dir / "tuned.jsonl").exists()


async def test_real_engines_are_measured_within_the_time(tiny_model: Path, tmp_path: Path) -> None:
    settings = Settings(
        model=str(tiny_model), context_tokens=2048, log_dir=tmp_path / "logs", cache_dir=tmp_path / "cache"
    )
    subject = await subject_of(settings, NullProgress())
    rows: list[Row] = []

    found = await tune_engine(settings, subject, 0.2, NullProgress(), rows.append)

    assert rows[0].title == "defaults"
    assert rows[0].trial is not None
    assert rows[0].trial.window == 2048
    assert list(found.rows) == rows
    assert with_tuned(settings, engine_options(settings), tiny_model) == found.chosen.over(engine_options(settings))
