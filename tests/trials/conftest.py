"""Fixtures with real engines and weights, for the trials that need them."""

from tests.parts.engines import qwen_engine, qwen_model, smollm2_model, tiny_model

__all__ = ["qwen_engine", "qwen_model", "smollm2_model", "tiny_model"]
