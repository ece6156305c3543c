"""The engine that compiles schemas."""

from tests.parts.engines import smollm2_model, tiny_engine, tiny_model

__all__ = ["smollm2_model", "tiny_engine", "tiny_model"]
