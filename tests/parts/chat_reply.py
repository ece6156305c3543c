"""The parts of a scripted reply, and how a Chat Completions server encodes them.

The format is that of llama.cpp's server (xllamacpp 2026.10.11549; text, usage, timings and errors compared with its
replies): a first chunk with the role and a null content, reasoning in `reasoning_content`, a tool call's id and name
before the fragments of its arguments, a chunk with the finish reason, a chunk with the usage and no choices, `[DONE]`.
"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias, assert_never

from anyclaude.protocol.json_values import JsonObject, JsonValue, encode_json

FinishReason: TypeAlias = Literal["stop", "tool_calls", "length", "content_filter"]


@dataclass(frozen=True, slots=True)
class Say:
    """Text for the user."""

    text: str


@dataclass(frozen=True, slots=True)
class Think:
    """Reasoning, which servers send separately from the text."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call; without an id the server generates one."""

    name: str
    arguments: str
    id: str | None = None

    def with_id(self, id: str) -> "Call":
        """Return the call with this id."""
        return replace(self, id=id)


@dataclass(frozen=True, slots=True)
class Finish:
    """The finish reason, if it does not follow from the other parts."""

    reason: FinishReason


@dataclass(frozen=True, slots=True)
class Hold:
    """Write nothing until the event is set."""

    until: asyncio.Event


@dataclass(frozen=True, slots=True)
class Signal:
    """Set the event when the reply reaches this point."""

    event: asyncio.Event


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes to send unchanged."""

    bytes: bytes


@dataclass(frozen=True, slots=True)
class Fail:
    """Send an error object in the middle of the stream, which ends after it, without `[DONE]`."""

    error: JsonObject


@dataclass(frozen=True, slots=True)
class Reset:
    """Reset the connection."""


@dataclass(frozen=True, slots=True)
class Stop:
    """End the response properly, although the reply is not finished."""


CallFormat: TypeAlias = Literal["in fragments", "whole", "whole, without number and id"]
"""How a stream carries a call: as llama.cpp and vLLM send it, as Ollama does, or as mlx_lm does."""

ReplyPart: TypeAlias = Say | Think | Call | Finish | Hold | Signal | Raw | Fail | Reset | Stop
Step: TypeAlias = bytes | Hold | Signal | Reset


@dataclass(frozen=True, slots=True)
class Usage:
    """The token counts the engine reports; `cached_tokens` is the part of `prompt_tokens` found in its cache."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply with status 200; without a usage the server counts the tokens."""

    parts: tuple[ReplyPart, ...]
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A response with an error status."""

    status: int
    body: JsonValue
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReplyFormat:
    """How one kind of server encodes a reply, where servers differ."""

    model: str = "scripted-model"
    characters_per_fragment: int = 4
    reasoning_field: str = "reasoning_content"
    reports_usage: bool = True
    reports_timings: bool = True
    prompt_token_ms: float = 1.0
    """How long the engine says that it evaluated each token of the prompt, in milliseconds."""
    calls: CallFormat = "in fragments"
    comment: bytes = b""
    """A comment of server-sent events before the first chunk."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """The fields that every chunk of one reply repeats."""

    id: str
    created: int
    model: str


def say(text: str) -> Say:
    """Return text for the user."""
    return Say(text)


def think(text: str) -> Think:
    """Return reasoning."""
    return Think(text)


def call(tool: str, /, **arguments: JsonValue) -> Call:
    """Return a tool call with these arguments."""
    return Call(tool, encode_json(arguments).decode())


def finish(reason: FinishReason) -> Finish:
    """Return a finish reason."""
    return Finish(reason)


def reply(*parts: ReplyPart, usage: Usage | None = None) -> Reply:
    """Return a reply with these parts, in this order."""
    return Reply(parts, usage)


def refuse(status: int, message: str, kind: str = "invalid_request_error", **headers: str) -> Refusal:
    """Return an error in the format of OpenAI's API; a header's underscores become hyphens."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Refusal(status, {"error": {"code": status, "message": message, "type": kind}}, names)


def finish_reason(parts: tuple[ReplyPart, ...]) -> FinishReason:
    """Return the finish reason the parts name, or else the one that follows from them."""
    named = [part.reason for part in parts if isinstance(part, Finish)]
    if named:
        return named[-1]
    return "tool_calls" if any(isinstance(part, Call) for part in parts) else "stop"


def completion_tokens(parts: tuple[ReplyPart, ...], reply_format: ReplyFormat) -> int:
    """Return the number of fragments a reply is split into; each is one token of the scripted model."""
    return sum(len(_fragments(_text_of(part), reply_format)) for part in parts)


def streamed(answer: Reply, usage: Usage, envelope: Envelope, reply_format: ReplyFormat) -> Iterator[Step]:
    """Encode a reply as server-sent events, one per step; steps that are not bytes are for the server to execute."""
    if reply_format.comment:
        yield reply_format.comment
    yield _event(envelope, {"role": "assistant", "content": None})
    calls = 0
    for part in answer.parts:
        match part:
            case Say() | Think() | Call():
                yield from (_event(envelope, delta) for delta in _deltas(part, calls, reply_format))
                calls += isinstance(part, Call)
            case Finish():
                pass
            case Hold() | Signal() | Reset():
                yield part
            case Raw():
                yield part.bytes
            case Fail():
                yield sse({"error": part.error})
                return
            case Stop():
                return
            case _:
                assert_never(part)
    yield _event(envelope, {}, finish_reason(answer.parts))
    if reply_format.reports_usage:
        yield sse(_chunk(envelope, [], **_report(usage, reply_format)))
    yield b"data: [DONE]\n\n"


def whole(answer: Reply, usage: Usage, envelope: Envelope, reply_format: ReplyFormat) -> JsonObject:
    """Encode a reply as one JSON object, for a request without streaming."""
    text = "".join(part.text for part in answer.parts if isinstance(part, Say))
    reasoning = "".join(part.text for part in answer.parts if isinstance(part, Think))
    calls: list[JsonObject] = [_call_object(part) for part in answer.parts if isinstance(part, Call)]
    message: dict[str, JsonValue] = {"role": "assistant", "content": text or None}
    if reasoning:
        message[reply_format.reasoning_field] = reasoning
    if calls:
        message["tool_calls"] = calls
    choice: JsonObject = {"index": 0, "finish_reason": finish_reason(answer.parts), "message": message}
    report = _report(usage, reply_format) if reply_format.reports_usage else {}
    return {**_chunk(envelope, [choice], **report), "object": "chat.completion"}


def sse(value: JsonValue) -> bytes:
    """Encode one server-sent event."""
    return b"data: " + encode_json(value) + b"\n\n"


def _deltas(part: Say | Think | Call, index: int, reply_format: ReplyFormat) -> Iterator[JsonObject]:
    fragments = _fragments(_text_of(part), reply_format)
    match part:
        case Say():
            yield from ({"content": fragment} for fragment in fragments)
        case Think():
            yield from ({reply_format.reasoning_field: fragment} for fragment in fragments)
        case Call() if reply_format.calls == "whole":
            yield {"tool_calls": [{"index": index, **_call_object(part)}]}
        case Call() if reply_format.calls == "whole, without number and id":
            yield {"tool_calls": [_call_object(replace(part, id=None))]}
        case Call():
            yield {"tool_calls": [{"index": index, **_call_object(replace(part, arguments=""))}]}
            for fragment in fragments:
                yield {"tool_calls": [{"index": index, "function": {"arguments": fragment}}]}
        case _:
            assert_never(part)


def _call_object(part: Call) -> JsonObject:
    function: JsonObject = {"name": part.name, "arguments": part.arguments}
    return {"id": part.id, "type": "function", "function": function}


def _text_of(part: ReplyPart) -> str:
    match part:
        case Say() | Think():
            return part.text
        case Call():
            return part.arguments
        case _:
            return ""


def _fragments(text: str, reply_format: ReplyFormat) -> list[str]:
    size = reply_format.characters_per_fragment
    return [text[start : start + size] for start in range(0, len(text), size)]


def _event(envelope: Envelope, delta: JsonObject, reason: FinishReason | None = None) -> bytes:
    return sse(_chunk(envelope, [{"finish_reason": reason, "index": 0, "delta": delta}]))


def _chunk(envelope: Envelope, choices: list[JsonObject], **more: JsonValue) -> JsonObject:
    return {
        "choices": choices,
        "created": envelope.created,
        "id": envelope.id,
        "model": envelope.model,
        "system_fingerprint": "b0-scripted",
        "object": "chat.completion.chunk",
        **more,
    }


def _report(usage: Usage, reply_format: ReplyFormat) -> dict[str, JsonValue]:
    tokens: JsonObject = {
        "completion_tokens": usage.completion_tokens,
        "prompt_tokens": usage.prompt_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }
    return (
        {"usage": tokens, "timings": _timings(usage, reply_format.prompt_token_ms)}
        if reply_format.reports_timings
        else {"usage": tokens}
    )


def _timings(usage: Usage, prompt_token_ms: float) -> JsonObject:
    """Return the timings of the prompt, and of 100 generated tokens per second."""
    read = usage.prompt_tokens - usage.cached_tokens
    return {
        "cache_n": usage.cached_tokens,
        "prompt_n": read,
        "prompt_ms": read * prompt_token_ms,
        "prompt_per_token_ms": prompt_token_ms,
        "prompt_per_second": 1000.0 / prompt_token_ms,
        "predicted_n": usage.completion_tokens,
        "predicted_ms": usage.completion_tokens * 10.0,
        "predicted_per_token_ms": 10.0,
        "predicted_per_second": 100.0,
    }
