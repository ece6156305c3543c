"""
The wire languages of model servers, one package each: how to ask, and how to understand the answer.

A `Dialect` encodes requests and decodes replies; a `TokenizerApi` asks a server's tokenizer about an encoded request.
"""

from anyclaude.profiles import BackendProfile, DialectName

from .base import DeltaDecoder, Dialect, DroppedField, Encoded, TokenizerApi, WireRequest
from .openai_chat import OpenAiChat, OpenAiChatTokenizer

__all__ = [
    "DeltaDecoder",
    "Dialect",
    "DroppedField",
    "Encoded",
    "TokenizerApi",
    "WireRequest",
    "dialect_named",
    "tokenizer_for",
]


def dialect_named(name: DialectName) -> Dialect:
    """Return the dialect that a backend profile names."""
    match name:
        case "openai_chat":
            return OpenAiChat()


def tokenizer_for(profile: BackendProfile) -> TokenizerApi:
    """Return the questions for the tokenizer of a server of this kind."""
    match profile.dialect:
        case "openai_chat":
            return OpenAiChatTokenizer(profile)
