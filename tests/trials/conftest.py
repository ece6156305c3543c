"""Real weights, for the trials that need an engine."""

from tests.parts.engines import smollm2_model, tiny_model

__all__ = ["smollm2_model", "tiny_model"]
