"""How long a prompt takes is estimated from what the engine reported of prompts about as long."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.parts.gateway import MODEL, target_at

from anyclaude.backends import EvaluationSpeeds
from anyclaude.backends.evaluation_speed import LATEST, MAX_FILE_BYTES
from anyclaude.profiles import EMBEDDED

HERE = target_at("http://127.0.0.1:8000/v1")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "evaluation-speeds.jsonl"


def remember(file: Path, tokens: int, seconds: float, cached: int = 0, model: str = MODEL) -> None:
    EvaluationSpeeds(file).remember(HERE, model, cached, tokens, seconds)


def estimate(file: Path, tokens: int) -> float | None:
    return EvaluationSpeeds(file).seconds_for(HERE, tokens)


def test_nothing_is_known_at_first(file: Path) -> None:
    assert estimate(file, 4_000) is None


def test_a_prompt_about_as_long_tells_how_long_one_takes(file: Path) -> None:
    remember(file, tokens=2_000, seconds=20.0)

    assert estimate(file, 4_000) == pytest.approx(40.0)


@pytest.mark.parametrize("tokens", [666, 6_001])
def test_a_prompt_of_another_length_tells_nothing(file: Path, tokens: int) -> None:
    remember(file, tokens=2_000, seconds=20.0)

    assert estimate(file, tokens) is None


@given(
    slope=st.floats(1e-7, 1e-5),
    least=st.floats(1e-4, 1e-2),
    cached=st.integers(0, 8_000),
    tokens=st.integers(512, 8_000),
)
def test_the_end_of_a_prompt_tells_how_long_a_whole_one_with_the_same_middle_takes(
    tmp_path_factory: pytest.TempPathFactory, slope: float, least: float, cached: int, tokens: int
) -> None:
    """The token at a position `p` takes `least + slope * p`."""
    file = tmp_path_factory.mktemp("speeds") / "file"

    def seconds(start: int, end: int) -> float:
        return least * (end - start) + slope * (end**2 - start**2) / 2

    remember(file, tokens=tokens, seconds=seconds(cached, cached + tokens), cached=cached)
    whole = 2 * cached + tokens

    assert estimate(file, whole) == pytest.approx(seconds(0, whole))


def test_the_median_of_the_latest_counts(file: Path) -> None:
    for seconds in (1.0, 1.0, 1.0, 30.0, 20.0, 20.0, 20.0, 900.0):
        remember(file, tokens=2_000, seconds=seconds)

    assert estimate(file, 2_000) == pytest.approx(20.0)


def test_a_machine_that_became_faster_is_known_after_as_many_prompts_as_count(file: Path) -> None:
    for seconds in (*[60.0] * LATEST, *[6.0] * LATEST):
        remember(file, tokens=2_000, seconds=seconds)

    assert estimate(file, 2_000) == pytest.approx(6.0)


@pytest.mark.parametrize(("tokens", "seconds"), [(511, 1.0), (2_000, 0.0), (-5, 1.0), (40_000, 10.0)])
def test_what_tells_nothing_is_not_kept(file: Path, tokens: int, seconds: float) -> None:
    remember(file, tokens, seconds)

    assert not file.exists()


def test_another_model_or_server_is_another_speed(file: Path) -> None:
    remember(file, 2_000, 20.0, model="another")
    EvaluationSpeeds(file).remember(target_at("http://127.0.0.1:9/v1"), MODEL, 0, 2_000, 20.0)

    assert estimate(file, 2_000) is None


def test_the_embedded_engine_is_the_same_server_in_each_launch(file: Path) -> None:
    first, second = (replace(HERE, profile=EMBEDDED, base_url=f"http://127.0.0.1:{port}/v1") for port in (1, 2))
    EvaluationSpeeds(file).remember(first, MODEL, 0, 2_000, 20.0)

    assert EvaluationSpeeds(file).seconds_for(second, 2_000) == pytest.approx(20.0)


def test_the_file_is_bounded_and_private(file: Path) -> None:
    for _ in range(2_000):
        remember(file, 2_000, 20.0)

    assert file.stat().st_size <= MAX_FILE_BYTES
    assert file.stat().st_mode & 0o077 == 0


def test_a_file_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "in the way").write_text("")

    remember(tmp_path / "in the way" / "file", 2_000, 20.0)
