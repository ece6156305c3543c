"""Fixtures with real engines, for the tests of the engine."""

from tests.parts.engines import (
    qwen_engine,
    qwen_model,
    smollm2_engine,
    smollm2_model,
    tiny_engine,
    tiny_model,
)

__all__ = ["qwen_engine", "qwen_model", "smollm2_engine", "smollm2_model", "tiny_engine", "tiny_model"]
