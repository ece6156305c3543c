"""What the played model says, piece by piece, and how a Chat Completions server writes it down.

The form is that of llama.cpp's server (xllamacpp 2026.10.11549; text, usage, timings and errors compared with its
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
    """Reasoning, which servers send beside the text."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call; without an id the server makes one up."""

    name: str
    arguments: str
    id: str | None = None

    def with_id(self, id: str) -> "Call":
        """Return the same call under this id."""
        return replace(self, id=id)


@dataclass(frozen=True, slots=True)
class Finish:
    """The reason why the model stops, when it is not the obvious one."""

    reason: FinishReason


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing is written until the event is set."""

    until: asyncio.Event


@dataclass(frozen=True, slots=True)
class Signal:
    """The event is set when the reply has come this far."""

    event: asyncio.Event


@dataclass(frozen=True, slots=True)
class Raw:
    """These very bytes."""

    bytes: bytes


@dataclass(frozen=True, slots=True)
class Fail:
    """An error object in the middle of the stream; the stream ends after it, without `[DONE]`."""

    error: JsonObject


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is reset."""


@dataclass(frozen=True, slots=True)
class Stop:
    """The response ends properly, though the reply is not finished."""


PromptPart: TypeAlias = Say | Think | Call | Finish | Hold | Signal | Raw | Fail | Reset | Stop
Step: TypeAlias = bytes | Hold | Signal | Reset


@dataclass(frozen=True, slots=True)
class Usage:
    """The tokens the engine reports; `cached_tokens` is the part of `prompt_tokens` it did not have to read again."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply with status 200.  Without a usage the server counts for itself."""

    pieces: tuple[PromptPart, ...]
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer with an error status."""

    status: int
    body: JsonValue
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReplyFormat:
    """How one kind of server writes, where servers differ."""

    model: str = "scripted-model"
    characters_per_fragment: int = 4
    reasoning_field: str = "reasoning_content"
    reports_usage: bool = True
    reports_timings: bool = True


@dataclass(frozen=True, slots=True)
class Envelope:
    """What every chunk of one reply repeats."""

    id: str
    created: int
    model: str


def say(text: str) -> Say:
    """Write `text` to the user."""
    return Say(text)


def think(text: str) -> Think:
    """Reason in `text`."""
    return Think(text)


def call(tool: str, /, **arguments: JsonValue) -> Call:
    """Call a tool with these arguments."""
    return Call(tool, encode_json(arguments).decode())


def finish(reason: FinishReason) -> Finish:
    """Stop for this reason."""
    return Finish(reason)


def reply(*pieces: PromptPart, usage: Usage | None = None) -> Reply:
    """Answer with these pieces, in this order."""
    return Reply(pieces, usage)


def refuse(status: int, message: str, kind: str = "invalid_request_error", **headers: str) -> Refusal:
    """Answer with an error in the form of OpenAI's API; a header's underscores become hyphens."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Refusal(status, {"error": {"code": status, "message": message, "type": kind}}, names)


def finish_reason(pieces: tuple[PromptPart, ...]) -> FinishReason:
    """Return the reason the pieces name, or the one that follows from them."""
    named = [piece.reason for piece in pieces if isinstance(piece, Finish)]
    if named:
        return named[-1]
    return "tool_calls" if any(isinstance(piece, Call) for piece in pieces) else "stop"


def completion_tokens(pieces: tuple[PromptPart, ...], reply_format: ReplyFormat) -> int:
    """Count the fragments a reply is written in; each is one token of the played model."""
    return sum(len(_fragments(_written(piece), reply_format)) for piece in pieces)


def streamed(answer: Reply, usage: Usage, envelope: Envelope, reply_format: ReplyFormat) -> Iterator[Step]:
    """Write a reply as server-sent events, one event a step; what is no text is left for the server to act on."""
    yield _event(envelope, {"role": "assistant", "content": None})
    calls = 0
    for piece in answer.pieces:
        match piece:
            case Say() | Think() | Call():
                yield from (_event(envelope, delta) for delta in _deltas(piece, calls, reply_format))
                calls += isinstance(piece, Call)
            case Finish():
                pass
            case Hold() | Signal() | Reset():
                yield piece
            case Raw():
                yield piece.bytes
            case Fail():
                yield sse({"error": piece.error})
                return
            case Stop():
                return
            case _:
                assert_never(piece)
    yield _event(envelope, {}, finish_reason(answer.pieces))
    if reply_format.reports_usage:
        yield sse(_chunk(envelope, [], **_report(usage, reply_format)))
    yield b"data: [DONE]\n\n"


def whole(answer: Reply, usage: Usage, envelope: Envelope, reply_format: ReplyFormat) -> JsonObject:
    """Write a reply as one JSON object, for a request that does not stream."""
    text = "".join(piece.text for piece in answer.pieces if isinstance(piece, Say))
    reasoning = "".join(piece.text for piece in answer.pieces if isinstance(piece, Think))
    calls: list[JsonObject] = [_called(piece) for piece in answer.pieces if isinstance(piece, Call)]
    message: dict[str, JsonValue] = {"role": "assistant", "content": text or None}
    if reasoning:
        message[reply_format.reasoning_field] = reasoning
    if calls:
        message["tool_calls"] = calls
    choice: JsonObject = {"index": 0, "finish_reason": finish_reason(answer.pieces), "message": message}
    report = _report(usage, reply_format) if reply_format.reports_usage else {}
    return {**_chunk(envelope, [choice], **report), "object": "chat.completion"}


def sse(value: JsonValue) -> bytes:
    """Write one server-sent event."""
    return b"data: " + encode_json(value) + b"\n\n"


def _deltas(piece: Say | Think | Call, index: int, reply_format: ReplyFormat) -> Iterator[JsonObject]:
    fragments = _fragments(_written(piece), reply_format)
    match piece:
        case Say():
            yield from ({"content": fragment} for fragment in fragments)
        case Think():
            yield from ({reply_format.reasoning_field: fragment} for fragment in fragments)
        case Call():
            yield {"tool_calls": [{"index": index, **_called(replace(piece, arguments=""))}]}
            for fragment in fragments:
                yield {"tool_calls": [{"index": index, "function": {"arguments": fragment}}]}
        case _:
            assert_never(piece)


def _called(piece: Call) -> JsonObject:
    function: JsonObject = {"name": piece.name, "arguments": piece.arguments}
    return {"id": piece.id, "type": "function", "function": function}


def _written(piece: PromptPart) -> str:
    match piece:
        case Say() | Think():
            return piece.text
        case Call():
            return piece.arguments
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
    return {"usage": tokens, "timings": _timings(usage)} if reply_format.reports_timings else {"usage": tokens}


def _timings(usage: Usage) -> JsonObject:
    """Pretend 1,000 prompt tokens and 100 generated tokens a second."""
    read = usage.prompt_tokens - usage.cached_tokens
    return {
        "cache_n": usage.cached_tokens,
        "prompt_n": read,
        "prompt_ms": read * 1.0,
        "prompt_per_token_ms": 1.0,
        "prompt_per_second": 1000.0,
        "predicted_n": usage.completion_tokens,
        "predicted_ms": usage.completion_tokens * 10.0,
        "predicted_per_token_ms": 10.0,
        "predicted_per_second": 100.0,
    }
