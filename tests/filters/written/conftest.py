"""Fixtures with the tiny model, for llama.cpp's parsers."""

from tests.parts.engines import smollm2_model, tiny_model

__all__ = ["smollm2_model", "tiny_model"]
