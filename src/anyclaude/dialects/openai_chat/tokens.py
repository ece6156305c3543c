"""
Ask a server which tokens a prompt has, without having it evaluated.

llama.cpp renders a request's messages and tools with `POST /apply-template`, which takes the request as it was sent,
and tells the tokens of a text with `POST /tokenize` (both at the server's root).
"""

import msgspec

from anyclaude.dialects.base import WireRequest
from anyclaude.profiles import BackendProfile
from anyclaude.protocol.json_values import encode_json


class Rendered(msgspec.Struct, frozen=True):
    """What `/apply-template` answers."""

    prompt: str


class Tokenized(msgspec.Struct, frozen=True):
    """What `/tokenize` answers."""

    tokens: tuple[int, ...]


def encode_rendering(body: bytes, profile: BackendProfile) -> WireRequest | None:
    """Return the question for the text of a request's prompt, where the server tells its tokens too."""
    if profile.template_path is None or profile.tokenize_path is None:
        return None
    return WireRequest(profile.template_path, body, accept="application/json", at_root=True)


def decode_rendering(body: bytes) -> str | None:
    """Return the text in the answer, `None` if there is none."""
    try:
        return msgspec.json.decode(body, type=Rendered).prompt
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def encode_tokenizing(text: str, profile: BackendProfile) -> WireRequest | None:
    """Return the question for the tokens of a rendered prompt: the same as the engine makes of it."""
    if profile.tokenize_path is None:
        return None
    question = encode_json({"content": text, "add_special": True, "parse_special": True})
    return WireRequest(profile.tokenize_path, question, accept="application/json", at_root=True)


def decode_tokenizing(body: bytes) -> tuple[int, ...] | None:
    """Return the tokens in the answer, `None` if there are none."""
    try:
        return msgspec.json.decode(body, type=Tokenized).tokens
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
