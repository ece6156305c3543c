"""
The wire languages of model servers, one package each: how to ask, and how to understand the answer.

A `Dialect` encodes requests and decodes replies; a `TokenizerApi` asks a server's tokenizer about an encoded request.
A dialect is a package with a `DIALECT` and a `TOKENIZER`, and a row in `PACKAGES`; it is loaded when it is first used.
"""

from collections.abc import Callable, Mapping
from importlib import import_module

from anyclaude.profiles import BackendProfile, DialectName

from .base import (
    DeltaDecoder,
    Dialect,
    DroppedField,
    Encoded,
    EnforcedContent,
    EngineProgress,
    TokenizerApi,
    WireRequest,
)
from .earlier_replies import EarlierReplies

__all__ = [
    "PACKAGES",
    "DeltaDecoder",
    "Dialect",
    "DroppedField",
    "EarlierReplies",
    "Encoded",
    "EnforcedContent",
    "EngineProgress",
    "TokenizerApi",
    "WireRequest",
    "dialect_named",
    "tokenizer_for",
]

PACKAGES: Mapping[DialectName, str] = {"openai_chat": "anyclaude.dialects.openai_chat"}


def dialect_named(name: DialectName) -> Dialect:
    """Return the dialect that a backend profile names."""
    dialect: Dialect = import_module(PACKAGES[name]).DIALECT
    return dialect


def tokenizer_for(profile: BackendProfile) -> TokenizerApi:
    """Return the questions for the tokenizer of a server of this kind."""
    tokenizer: Callable[[BackendProfile], TokenizerApi] = import_module(PACKAGES[profile.dialect]).TOKENIZER
    return tokenizer(profile)
