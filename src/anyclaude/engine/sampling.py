"""How a model's replies are sampled if the request does not say, as Claude Code's do not."""

import re

from .gguf import GgufMetadata

SMALL_MODELS = re.compile(r"qwen[ -]?2\.5[ -]coder.*\b(?:0\.5|1\.5|3)b|smollm", re.IGNORECASE)
"""Models that write calls best when they are sampled with little chance; those that reason need more of it."""

LOW_TEMPERATURE = 0.2
"""In one sitting, Qwen2.5-Coder-1.5B behind Claude Code did the task of `benchmarks.fix_task` in 4 of 6 runs with it,
and in 1 of 4 with llama.cpp's 0.8."""


def temperature_for(model: GgufMetadata) -> float | None:
    """Return the temperature that suits a model, `None` for the engine's own."""
    return LOW_TEMPERATURE if any(SMALL_MODELS.search(name) for name in model.names) else None
