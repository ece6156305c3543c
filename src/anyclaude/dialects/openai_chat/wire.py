"""
The chunks and whole completions that servers send, as typed values.

The decoder takes the regular shape in one pass of msgspec; a reply that fits it costs nothing more.  Anything irregular
(a number as text, content as a list of parts, arguments as an object, a character cut in two) is read a second time
field by field, into the same values: a field of the wrong type counts as absent, so an irregularity in an unimportant
field cannot end a stream.
"""

import json
from typing import Any, TypeAlias

from msgspec import DecodeError, Struct
from msgspec.json import Decoder
from msgspec.structs import replace

from anyclaude.errors import BackendGarbled
from anyclaude.protocol.json_values import (
    JsonError,
    JsonObject,
    JsonValue,
    decode_json,
    decode_lenient_json,
    encode_json,
    with_whole_characters,
)

from .rejections import rejection_in

MAX_DIGITS = 15
"""Integers of up to 15 digits are exact as floats (IEEE 754 double); no valid count is longer."""

EXCERPT_BYTES = 200
"""The part of undecodable bytes that an error quotes: enough to recognise a page of HTML or a log line."""


CALL_FIELDS = ("extra_content", "thought_signature", "thoughtSignature", "signature", "provider_specific_fields")
FUNCTION_FIELDS = ("thought_signature", "thoughtSignature", "provider_specific_fields")
MESSAGE_FIELDS = (
    "reasoning_details", "reasoning_opaque", "reasoning_signature", "signature", "thought_signature", "thinking_blocks",
    "extra_content",
)  # fmt: skip
"""
The fields that servers want back as they sent them.

`extra_content` holds Gemini's signature of a thought (ai.google.dev, OpenAI compatibility), which proxies put into a
field of its own, LiteLLM into `provider_specific_fields` and `thinking_blocks`; `reasoning_details` are OpenRouter's
(Preserving reasoning), `reasoning_opaque` GitHub Copilot's.
"""


class FunctionPart(Struct, gc=False):
    """
    The name of a called function and its arguments, whole or in part; for the other fields see `CALL_FIELDS`.

    A character of the arguments may be cut in two.
    """

    name: str | None = None
    arguments: str | None = None
    thought_signature: Any = None
    thoughtSignature: Any = None
    provider_specific_fields: Any = None


class CallPart(Struct, gc=False):
    """One tool call, whole or in part."""

    index: int | None = None
    id: str | None = None
    function: FunctionPart | None = None
    name: None = None
    """Declared as null so that a call without `function` around its parts leaves the fast path."""
    arguments: None = None
    extra_content: Any = None
    thought_signature: Any = None
    thoughtSignature: Any = None
    signature: Any = None
    provider_specific_fields: Any = None


class ChatMessage(Struct, gc=False):
    """A `delta`, or a whole `message`."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    thinking: str | None = None
    refusal: str | None = None
    tool_calls: list[CallPart] | None = None
    function_call: FunctionPart | None = None
    reasoning_details: Any = None
    reasoning_opaque: Any = None
    reasoning_signature: Any = None
    signature: Any = None
    thought_signature: Any = None
    thinking_blocks: Any = None
    extra_content: Any = None


class Choice(Struct, gc=False):
    """
    The reply; a request asks for one only, so its `index` is not read, and calls in another one are a part of it.

    `stop_reason` (vLLM) and `matched_stop` (SGLang) hold the stop sequence that matched, or the number of a token.
    """

    delta: ChatMessage | None = None
    message: ChatMessage | None = None
    finish_reason: str | None = None
    stop_reason: str | int | None = None
    matched_stop: str | int | None = None


class PromptDetails(Struct, gc=False):
    """The parts of `prompt_tokens`; tokens written to the cache have one name with vLLM, another with OpenRouter."""

    cached_tokens: int | None = None
    created_cache_tokens: int | None = None
    cache_write_tokens: int | None = None


class WireUsage(Struct, gc=False):
    """The token counts; `prompt_tokens` includes the cached ones."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: PromptDetails | None = None


class Timings(Struct, gc=False):
    """llama.cpp's own numbers: `prompt_n` tokens were evaluated, `cache_n` were found in the cache."""

    cache_n: int | None = None
    prompt_n: int | None = None
    prompt_ms: float | None = None
    predicted_n: int | None = None
    predicted_ms: float | None = None


ReplyId: TypeAlias = str | int | None
"""What identifies a reply; servers send text, a number, or nothing."""


class Chunk(Struct, gc=False):
    """
    One chunk, or one whole completion.

    `error` is declared as null so that a chunk with an error in it leaves the fast path.
    """

    choices: list[Choice]
    usage: WireUsage | None = None
    timings: Timings | None = None
    error: None = None
    id: ReplyId = None


_decode_plain = Decoder(Chunk).decode


def decode_chunk(data: bytes) -> Chunk:
    """
    Return one chunk.

    Raises:
        BackendGarbled: when the bytes are not a chunk.
        BackendRejected: when the chunk carries an error instead of a reply.
    """
    try:
        return _decode_plain(data)
    except (DecodeError, UnicodeDecodeError, RecursionError):
        return _irregular_chunk(data)


def garbled(data: bytes, why: str) -> BackendGarbled:
    """Return the error for bytes that are not a chunk."""
    excerpt = data[:EXCERPT_BYTES].decode("utf-8", errors="replace")
    return BackendGarbled(f"the backend sent something that is not a chat completion ({why}): {excerpt}")


def _irregular_chunk(data: bytes) -> Chunk:
    try:
        raw = decode_lenient_json(data)
    except JsonError as error:
        raise garbled(data, str(error)) from error
    if not isinstance(raw, dict):
        raise garbled(data, "not an object")
    if rejection := rejection_in(_whole_object(raw)):
        raise rejection
    return Chunk(
        [_choice(choice) for choice in _objects(raw.get("choices"))],
        _usage(_object(raw.get("usage"))),
        _timings(_object(raw.get("timings"))),
        id=_reply_id(raw.get("id")),
    )


def _reply_id(raw: JsonValue) -> ReplyId:
    return _text(raw) if isinstance(raw, str) else raw if isinstance(raw, int) else None


def _choice(raw: JsonObject) -> Choice:
    return Choice(
        _message(_object(raw.get("delta"))),
        _message(_object(raw.get("message"))),
        _text(raw.get("finish_reason")),
        _text(raw.get("stop_reason")),
        _text(raw.get("matched_stop")),
    )


def _message(raw: JsonObject | None) -> ChatMessage | None:
    if raw is None:
        return None
    content = raw.get("content")
    return ChatMessage(
        content=_text_of(content, "text"),
        reasoning_content=_text_of(raw.get("reasoning_content"), "text"),
        reasoning=_text_of(raw.get("reasoning"), "text"),
        thinking=_text_of(raw.get("thinking"), "text") or _reasoning_in(content),
        refusal=_text(raw.get("refusal")),
        tool_calls=_calls(raw.get("tool_calls")),
        function_call=_function(_object(raw.get("function_call"))),
        **_fields(raw, MESSAGE_FIELDS),
    )


def _fields(raw: JsonObject, names: tuple[str, ...]) -> dict[str, Any]:
    """Return those of the named fields that are there."""
    return {name: _whole(raw[name]) for name in names if raw.get(name) is not None}


def _text_of(raw: JsonValue, kind: str) -> str | None:
    """Return a text, in which a character may be cut in two: a string, or the parts of this kind in a list."""
    if not isinstance(raw, list):
        return raw if isinstance(raw, str) else None
    parts = [part.get(kind) for part in _objects(raw) if part.get("type", kind) == kind]
    return "".join(part for part in parts if isinstance(part, str)) or None


def _reasoning_in(content: JsonValue) -> str | None:
    """Return the reasoning among the parts of a content, where Mistral's reasoning models put it."""
    parts = [_text_of(part.get("thinking"), "text") for part in _objects(content) if part.get("type") == "thinking"]
    return "".join(part for part in parts if part) or None


def _calls(raw: JsonValue) -> list[CallPart]:
    """Return the calls: of a list, of one object in place of a list of one, or of a list written as an object."""
    if isinstance(raw, dict):
        raw = [raw] if {"function", "name"} & raw.keys() else list(raw.values())
    return [_call(call) for call in _objects(raw)]


def _call(raw: JsonObject) -> CallPart:
    raw_id = raw.get("id")
    function = _function(_object(raw.get("function"))) or _function(raw)
    part = CallPart(
        _integer(raw.get("index")),
        _text(raw_id) if isinstance(raw_id, str) else str(raw_id) if isinstance(raw_id, int) else None,
        function,
    )
    return replace(part, **_fields(raw, CALL_FIELDS))


def _function(raw: JsonObject | None) -> FunctionPart | None:
    if raw is None:
        return None
    arguments = raw.get("arguments")
    if isinstance(arguments, list) and not arguments:  # an empty object of PHP
        arguments = {}
    if arguments is not None and not isinstance(arguments, str):
        arguments = encode_json(_whole(arguments)).decode()  # as an object it is whole
    return FunctionPart(_text(raw.get("name")), arguments, **_fields(raw, FUNCTION_FIELDS))


def _usage(raw: JsonObject | None) -> WireUsage | None:
    if raw is None:
        return None
    details = _object(raw.get("prompt_tokens_details")) or {}
    return WireUsage(
        _integer(raw.get("prompt_tokens")),
        _integer(raw.get("completion_tokens")),
        PromptDetails(
            _integer(details.get("cached_tokens")),
            _integer(details.get("created_cache_tokens")),
            _integer(details.get("cache_write_tokens")),
        ),
    )


def _timings(raw: JsonObject | None) -> Timings | None:
    if raw is None:
        return None
    return Timings(
        _integer(raw.get("cache_n")),
        _integer(raw.get("prompt_n")),
        _number(raw.get("prompt_ms")),
        _integer(raw.get("predicted_n")),
        _number(raw.get("predicted_ms")),
    )


def _object(raw: JsonValue) -> JsonObject | None:
    return raw if isinstance(raw, dict) else None


def _objects(raw: JsonValue) -> list[JsonObject]:
    return [item for item in raw if isinstance(item, dict)] if isinstance(raw, list) else []


def _text(raw: JsonValue) -> str | None:
    return with_whole_characters(raw) if isinstance(raw, str) else None


def _whole(raw: JsonValue) -> JsonValue:
    """Return a value with whole characters."""
    return decode_json(json.dumps(raw).encode())


def _whole_object(raw: JsonObject) -> JsonObject:
    whole = _whole(raw)
    return whole if isinstance(whole, dict) else {}


def _integer(raw: JsonValue) -> int | None:
    """Return an integer; one written as text or as `3.0` counts too."""
    number = _number(raw)
    return int(number) if number is not None and number.is_integer() else None


def _number(raw: JsonValue) -> float | None:
    """Return a number that is exact as a float, which counts and milliseconds are."""
    if isinstance(raw, str) and raw.isascii() and raw.isdigit() and len(raw) <= MAX_DIGITS:
        return float(raw)
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        return None
    return float(raw) if abs(raw) < 10**MAX_DIGITS else None
