"""
Read a chunk from the bytes of an event.

The decoder takes the regular shape in one pass of msgspec; a reply that fits it costs nothing more.  Anything irregular
(a number as text, content as a list of parts, arguments as an object, a character cut in two) is read a second time
field by field, into the same values: a field of the wrong type counts as absent, so an irregularity in an unimportant
field cannot end a stream.  What is not as it should be outside of the chunk is read too: several chunks in one event,
a chunk that is encoded twice, a completion in the envelope of a gateway.
"""

import json
from typing import Any

from msgspec import DecodeError
from msgspec.json import Decoder
from msgspec.structs import replace

from anyclaude.errors import BackendGarbled
from anyclaude.protocol.json_values import (
    JsonError,
    JsonObject,
    JsonValue,
    decode_json,
    decode_json_sequence,
    encode_json,
    with_whole_characters,
)

from .rejections import rejection_in
from .wire import (
    CALL_FIELDS,
    FUNCTION_FIELDS,
    MESSAGE_FIELDS,
    CallPart,
    ChatMessage,
    Choice,
    Chunk,
    FunctionPart,
    PromptDetails,
    PromptProgress,
    ReplyId,
    Timings,
    WireUsage,
)

MAX_DIGITS = 15
"""Integers of up to 15 digits are exact as floats (IEEE 754 double); no valid count is longer."""

EXCERPT_BYTES = 200
"""The part of undecodable bytes that an error quotes: enough to recognise a page of HTML or a log line."""

ENVELOPES = ("result", "data", "response")
"""Where gateways put a whole completion, beside a code of their own: Cloudflare's API, one-api's kin, others."""

_decode_plain = Decoder(Chunk).decode


def plain_chunk(data: bytes) -> Chunk | None:
    """Return the one regular chunk in an event, `None` if there is anything else."""
    try:
        return _decode_plain(data)
    except (DecodeError, UnicodeDecodeError, RecursionError):
        return None


def decode_chunks(data: bytes) -> list[Chunk]:
    """
    Return the chunks in an event, nearly always one.

    Raises:
        BackendGarbled: when the bytes are not a chunk.
        BackendRejected: when a chunk carries an error instead of a reply.
    """
    plain = plain_chunk(data)
    return [_irregular_chunk(raw) for raw in _objects_of(data)] if plain is None else [plain]


def garbled(data: bytes, why: str) -> BackendGarbled:
    """Return the error for bytes that are not a chunk."""
    excerpt = data[:EXCERPT_BYTES].decode("utf-8", errors="replace")
    return BackendGarbled(f"the backend sent something that is not a chat completion ({why}): {excerpt}")


def _objects_of(data: bytes) -> list[JsonObject]:
    """Return the chunks in an event as objects: one, several one after another, a list of them, or each as a text."""
    try:
        values = decode_json_sequence(data)
        if len(values) == 1 and isinstance(values[0], str) and values[0].lstrip().startswith("{"):
            values = [decode_json(values[0].encode(errors="surrogatepass"))]  # encoded twice
    except JsonError as error:
        raise garbled(data, str(error)) from error
    if len(values) == 1 and isinstance(values[0], list) and any("choices" in raw for raw in _objects(values[0])):
        values = list(values[0])
    objects: list[JsonObject] = [raw for raw in values if isinstance(raw, dict)]
    if not objects or len(objects) < len(values):
        raise garbled(data, "not an object")
    return objects


def _irregular_chunk(raw: JsonObject) -> Chunk:
    if rejection := rejection_in(_whole_object(raw)):
        raise rejection
    if "choices" not in raw:
        raw = next((inner for name in ENVELOPES if "choices" in (inner := _object(raw.get(name)) or {})), raw)
    choices = _choices(raw.get("choices"))
    for choice in choices:
        if rejection := rejection_in({"error": _whole(choice.get("error"))}):
            raise rejection
    return Chunk(
        [_choice(choice) for choice in choices],
        _usage(_object(raw.get("usage"))),
        _timings(_object(raw.get("timings"))),
        id=_reply_id(raw.get("id")),
        prompt_progress=_prompt_progress(_object(raw.get("prompt_progress"))),
    )


def _choices(raw: JsonValue) -> list[JsonObject]:
    """Return the choices: of a list, of one object in place of a list of one, or of a list written as an object."""
    if isinstance(raw, dict):
        raw = [raw] if {"delta", "message", "text"} & raw.keys() else list(raw.values())
    return _objects(raw)


def _reply_id(raw: JsonValue) -> ReplyId:
    return _text(raw) if isinstance(raw, str) else raw if isinstance(raw, int) else None


def _choice(raw: JsonObject) -> Choice:
    delta, message = _message(raw.get("delta")), _message(raw.get("message"))
    beside = ChatMessage(content=_text_of(raw.get("text"), "text"), tool_calls=_calls(raw.get("tool_calls")) or None)
    if beside != ChatMessage() and message is None and (delta is None or delta == ChatMessage()):
        delta = beside
    return Choice(
        delta,
        message,
        _text(raw.get("finish_reason")),
        _text(raw.get("stop_reason")),
        _text(raw.get("matched_stop")),
        _usage(_object(raw.get("usage"))),
    )


def _message(raw: JsonValue) -> ChatMessage | None:
    if isinstance(raw, str):
        return ChatMessage(content=raw)
    if not isinstance(raw, dict):
        return None
    content = raw.get("content")
    return ChatMessage(
        content=_text_of(content, "text"),
        reasoning_content=_text_of(raw.get("reasoning_content"), "text"),
        reasoning=_text_of(raw.get("reasoning"), "text"),
        thinking=_text_of(raw.get("thinking"), "text") or _reasoning_in(content),
        refusal=_text(raw.get("refusal")),
        tool_calls=[*_calls(raw.get("tool_calls")), *_calls_in(content)] or None,
        function_call=_function(_object(raw.get("function_call"))),
        **_fields(raw, MESSAGE_FIELDS),
    )


def _fields(raw: JsonObject, names: tuple[str, ...]) -> dict[str, Any]:
    """Return those of the named fields that are there."""
    return {name: _whole(raw[name]) for name in names if raw.get(name) is not None}


def _text_of(raw: JsonValue, kind: str) -> str | None:
    """Return a text, in which a character may be cut in two: a string, or the parts of this kind, one or a list."""
    if isinstance(raw, dict):
        raw = [raw]
    if not isinstance(raw, list):
        return raw if isinstance(raw, str) else None
    parts = [part.get(kind) if isinstance(part, dict) and part.get("type", kind) == kind else part for part in raw]
    return "".join(part for part in parts if isinstance(part, str)) or None


def _reasoning_in(content: JsonValue) -> str | None:
    """Return the reasoning among the parts of a content, where Mistral's reasoning models put it."""
    parts = [_text_of(part.get("thinking"), "text") for part in _objects(content) if part.get("type") == "thinking"]
    return "".join(part for part in parts if part) or None


def _calls(raw: JsonValue) -> list[CallPart]:
    """Return the calls: of a list, of one object in place of a list of one, or of a list written as an object."""
    if isinstance(raw, str):
        raw = _json_in(raw)
    if isinstance(raw, dict):
        raw = [raw] if {"function", "name"} & raw.keys() else list(raw.values())
    return [_call(call) for call in _objects(raw)]


def _json_in(text: str) -> JsonValue:
    """Return the JSON that a text is, `None` for any other text."""
    try:
        return decode_json(text.encode(errors="surrogatepass"))
    except JsonError:
        return None


def _calls_in(content: JsonValue) -> list[CallPart]:
    """Return the calls among the parts of a content, where Anthropic's API has them."""
    return [_call(part) for part in _objects(content) if part.get("type") == "tool_use"]


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
    values = (raw.get(name) for name in ("arguments", "parameters", "input"))
    arguments = next((value for value in values if value is not None), None)
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
        _integer(raw.get("input_tokens")),
        _integer(raw.get("output_tokens")),
        _integer(raw.get("prompt_cache_hit_tokens")),
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
        _integer(raw.get("draft_n")),
        _integer(raw.get("draft_n_accepted")),
    )


def _prompt_progress(raw: JsonObject | None) -> PromptProgress | None:
    if raw is None:
        return None
    return PromptProgress(_integer(raw.get("total")), _integer(raw.get("cache")), _integer(raw.get("processed")))


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
