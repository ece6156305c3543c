"""The temperature with which a model's replies are sampled if a request does not say."""

from pathlib import Path

import pytest

from anyclaude.engine.gguf import GgufMetadata, read_metadata
from anyclaude.engine.sampling import LOW_TEMPERATURE, temperature_for


@pytest.mark.parametrize(
    ("name", "temperature"),
    [
        ("Qwen2.5 Coder 0.5B Instruct", LOW_TEMPERATURE),
        ("qwen2.5-coder-1.5b-instruct", LOW_TEMPERATURE),
        ("SmolLM2 135M Instruct", LOW_TEMPERATURE),
        ("Qwen2.5-Coder-32B-Instruct", None),
        ("Qwen3 1.7B", None),
        ("", None),
    ],
)
def test_small_models_that_do_not_reason_are_sampled_with_little_chance(name: str, temperature: float | None) -> None:
    assert temperature_for(GgufMetadata({"general.name": name})) == temperature


def test_a_real_model_is_known_by_its_metadata(smollm2_model: Path) -> None:
    assert temperature_for(read_metadata(smollm2_model)) == LOW_TEMPERATURE
