"""How a model's replies are sampled if the request does not say, as Claude Code's do not."""

import re

from .gguf import GgufMetadata

SMALL_MODELS = re.compile(r"qwen[ -]?2\.5[ -]coder.*\b(?:0\.5|1\.5|3)b|smollm", re.IGNORECASE)
"""Models that write calls best when they are sampled with little chance; those that reason need more of it."""

LOW_TEMPERATURE = 0.2
"""With llama.cpp's 0.8, Qwen2.5-Coder-1.5B took other tools and other texts than the file had (`uv run python -m
benchmarks.fix_task`)."""


def temperature_for(model: GgufMetadata) -> float | None:
    """Return the temperature that suits a model, `None` for the engine's own."""
    return LOW_TEMPERATURE if any(SMALL_MODELS.search(name) for name in model.names) else None
