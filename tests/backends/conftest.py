"""The weights of models, for tests with a real engine."""

from tests.parts.engines import qwen_model, smollm2_model, tiny_model

__all__ = ["qwen_model", "smollm2_model", "tiny_model"]
