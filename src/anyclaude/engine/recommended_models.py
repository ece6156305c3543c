"""
Models for coding that the embedded engine, or a server, can run: a table, and what a machine's memory allows.

Sizes are those of the files that the repositories list, and windows, layers and licences those of the model cards
(https://huggingface.co/REPOSITORY); none of them is measured here.  The memory follows from `machine.py`.
"""

from msgspec import Struct

from .machine import memory_for_prompts, tokens_that_fit

WORKING_WINDOW_TOKENS = 32_768
"""A window in which Claude Code can work for a while: its prompt takes 4,100 tokens of it (docs/diets.md)."""


class RecommendedModel(Struct, frozen=True, kw_only=True):
    """
    One model: `reference` is the value of `--model`, `None` for the model that is taken without one.

    `bytes_per_token` is what one token takes in the engine's cache: keys and values of all layers in 16 bits, as
    `2 · layers · heads of keys and values · head size · 2`.  `calls` is the form in which it writes tool calls.
    """

    name: str
    reference: str | None
    size_bytes: int
    bytes_per_token: int
    window_tokens: int
    calls: str
    licence: str
    is_demonstration: bool = False


RECOMMENDED: tuple[RecommendedModel, ...] = (
    RecommendedModel(
        name="Qwen3-Coder-30B-A3B-Instruct",
        reference="unsloth/Qwen3-Coder-30B-A3B-Instruct-GGUF:Q4_K_M",
        size_bytes=18_600_000_000,
        bytes_per_token=2 * 48 * 4 * 128 * 2,
        window_tokens=262_144,
        calls="XML",
        licence="Apache-2.0",
    ),
    RecommendedModel(
        name="Qwen2.5-Coder-32B-Instruct",
        reference="Qwen/Qwen2.5-Coder-32B-Instruct-GGUF:Q4_K_M",
        size_bytes=19_900_000_000,
        bytes_per_token=2 * 64 * 8 * 128 * 2,
        window_tokens=32_768,
        calls="JSON",
        licence="Apache-2.0",
    ),
    RecommendedModel(
        name="gpt-oss-20b",
        reference="ggml-org/gpt-oss-20b-GGUF:mxfp4",
        size_bytes=12_100_000_000,
        bytes_per_token=2 * 24 * 8 * 64 * 2,
        window_tokens=131_072,
        calls="Harmony",
        licence="Apache-2.0",
    ),
    RecommendedModel(
        name="Qwen2.5-Coder-14B-Instruct",
        reference="Qwen/Qwen2.5-Coder-14B-Instruct-GGUF:Q4_K_M",
        size_bytes=8_990_000_000,
        bytes_per_token=2 * 48 * 8 * 128 * 2,
        window_tokens=32_768,
        calls="JSON",
        licence="Apache-2.0",
    ),
    RecommendedModel(
        name="Qwen2.5-Coder-7B-Instruct",
        reference="Qwen/Qwen2.5-Coder-7B-Instruct-GGUF:Q4_K_M",
        size_bytes=4_680_000_000,
        bytes_per_token=2 * 28 * 4 * 128 * 2,
        window_tokens=32_768,
        calls="JSON",
        licence="Apache-2.0",
    ),
    RecommendedModel(
        name="Qwen3-4B-Instruct-2507",
        reference="unsloth/Qwen3-4B-Instruct-2507-GGUF:Q4_K_M",
        size_bytes=2_500_000_000,
        bytes_per_token=2 * 36 * 8 * 128 * 2,
        window_tokens=262_144,
        calls="JSON",
        licence="Apache-2.0",
    ),
    RecommendedModel(
        name="Qwen2.5-Coder-1.5B-Instruct",
        reference="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF:Q4_K_M",
        size_bytes=1_120_000_000,
        bytes_per_token=2 * 28 * 2 * 128 * 2,
        window_tokens=32_768,
        calls="JSON",
        licence="Apache-2.0",
    ),
    RecommendedModel(
        name="SmolLM2-135M-Instruct",
        reference=None,
        size_bytes=92_871_040,
        bytes_per_token=2 * 30 * 3 * 64 * 2,
        window_tokens=8_192,
        calls="JSON",
        licence="Apache-2.0",
        is_demonstration=True,
    ),
)
"""The most able first; the model for demonstration, which shows only that everything runs, last."""


def fits(model: RecommendedModel, memory: int) -> bool:
    """Return whether a machine with so many bytes can run a model with a window to work in."""
    for_prompts = memory_for_prompts(model.size_bytes, memory)
    return tokens_that_fit(model.bytes_per_token, for_prompts) >= _window(model)


def memory_needed(model: RecommendedModel) -> int:
    """Return the least memory, in bytes, with which a model fits."""
    low, high = model.size_bytes, 4 * (model.size_bytes + _window(model) * model.bytes_per_token)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(model, middle) else (middle + 1, high)
    return low


def size_text(size_bytes: int) -> str:
    """Return a size as the repositories show it: in powers of 1000."""
    for unit, one, digits in (("GB", 1_000_000_000, 1), ("MB", 1_000_000, 0)):
        if size_bytes >= one:
            return f"{size_bytes / one:.{digits}f} {unit}"
    return f"{size_bytes / 1000:.0f} kB"


def _window(model: RecommendedModel) -> int:
    return min(WORKING_WINDOW_TOKENS, model.window_tokens)
