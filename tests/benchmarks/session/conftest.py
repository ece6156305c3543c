"""The model that plays a session in seconds."""

from tests.parts.engines import smollm2_model, tiny_model

__all__ = ["smollm2_model", "tiny_model"]
