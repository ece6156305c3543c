"""One module or package per wire dialect: how to ask, and how to understand the answer."""

from anyclaude.profiles import DialectName

from .base import DeltaDecoder, Dialect, DroppedField, Encoded, WireRequest
from .openai_chat import OpenAiChat

__all__ = ["DeltaDecoder", "Dialect", "DroppedField", "Encoded", "WireRequest", "dialect_named"]


def dialect_named(name: DialectName) -> Dialect:
    """Return the dialect a backend profile names."""
    match name:
        case "openai_chat":
            return OpenAiChat()
