"""A real engine, for the tests that start or describe one."""

from tests.parts.engines import smollm2_model, tiny_engine, tiny_model

__all__ = ["smollm2_model", "tiny_engine", "tiny_model"]
