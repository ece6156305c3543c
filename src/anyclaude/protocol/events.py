"""
The Anthropic message: its blocks, its usage, and the events of the stream that spells it.

These are the wire shapes themselves (docs: Messages API, "Streaming messages"), so
encoding is one call.  The reply path is paid for per token; hence `Struct`s
without garbage collector tracking where a value holds no containers.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Literal, TypeAlias

import msgspec
from msgspec import Struct

from anyclaude.errors import AnyclaudeError

from .deltas import StopReason
from .json_values import JsonValue


class Usage(Struct, frozen=True, gc=False):
    """Token counts as the client sees them: `input_tokens` excludes what was read from or written to the cache."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_creation_input_tokens: int = 0


class TextContent(Struct, frozen=True, gc=False, tag_field="type", tag="text"):
    """Visible text."""

    text: str = ""


class ThinkingContent(Struct, frozen=True, gc=False, tag_field="type", tag="thinking"):
    """Reasoning text; the signature is empty unless the backend gave one."""

    thinking: str = ""
    signature: str = ""


class ToolUseContent(Struct, frozen=True, tag_field="type", tag="tool_use"):
    """
    A tool call.

    `input` is an object; in a whole message it can be a string too, when the model wrote
    arguments that are not a JSON object: they are handed on as they are, never guessed at.
    """

    id: str
    name: str
    input: JsonValue = msgspec.field(default_factory=dict)


ReplyBlock: TypeAlias = TextContent | ThinkingContent | ToolUseContent


CacheMiss: TypeAlias = Literal[
    "model_changed",
    "system_changed",
    "tools_changed",
    "messages_changed",
    "previous_message_not_found",
    "unavailable",
]


class CacheMissReason(Struct, frozen=True, gc=False, omit_defaults=True):
    """Why a prompt does not go on as an earlier one did; the tokens are told of what changed, and are an estimate."""

    type: CacheMiss
    cache_missed_input_tokens: int | None = None


class Diagnostics(Struct, frozen=True):
    """What is told about the cache to a client that asked (docs: "Cache diagnostics")."""

    cache_miss_reason: CacheMissReason | None


class Message(Struct, frozen=True, tag_field="type", tag="message"):
    """A whole reply, or (in `MessageStart`) the empty beginning of one."""

    id: str
    model: str
    content: tuple[ReplyBlock, ...] = ()
    stop_reason: StopReason | None = None
    stop_sequence: str | None = None
    usage: Usage = Usage()
    role: Literal["assistant"] = "assistant"
    diagnostics: Diagnostics | None = None


class TextFragment(Struct, frozen=True, gc=False, tag_field="type", tag="text_delta"):
    """Adds to a text block."""

    text: str


class ThinkingFragment(Struct, frozen=True, gc=False, tag_field="type", tag="thinking_delta"):
    """Adds to a thinking block."""

    thinking: str


class SignatureFragment(Struct, frozen=True, gc=False, tag_field="type", tag="signature_delta"):
    """Sets the signature of a thinking block."""

    signature: str


class InputJsonFragment(Struct, frozen=True, gc=False, tag_field="type", tag="input_json_delta"):
    """Adds to the JSON text of a tool call's input."""

    partial_json: str


Fragment: TypeAlias = TextFragment | ThinkingFragment | SignatureFragment | InputJsonFragment


class MessageStart(Struct, frozen=True, tag_field="type", tag="message_start"):
    """Opens the stream, once."""

    message: Message


class BlockStart(Struct, frozen=True, tag_field="type", tag="content_block_start"):
    """Opens the block at `index`."""

    index: int
    content_block: ReplyBlock


class BlockDelta(Struct, frozen=True, gc=False, tag_field="type", tag="content_block_delta"):
    """Adds to the open block."""

    index: int
    delta: Fragment


class BlockStop(Struct, frozen=True, gc=False, tag_field="type", tag="content_block_stop"):
    """Closes the block at `index`."""

    index: int


class Ending(Struct, frozen=True, gc=False):
    """Why the message stopped."""

    stop_reason: StopReason
    stop_sequence: str | None = None


class MessageDelta(Struct, frozen=True, gc=False, tag_field="type", tag="message_delta"):
    """The stop reason and the final usage, once, after the last block."""

    delta: Ending
    usage: Usage


class MessageStop(Struct, frozen=True, gc=False, tag_field="type", tag="message_stop"):
    """Ends a stream that went well."""


class Ping(Struct, frozen=True, gc=False, tag_field="type", tag="ping"):
    """Says that the silence is not death."""


class ErrorDetail(Struct, frozen=True, omit_defaults=True):
    """What went wrong, in the Anthropic shape; `details` only where the client has a use for them."""

    type: str
    message: str
    details: Mapping[str, str] | None = None


class StreamFailed(Struct, frozen=True, gc=False, tag_field="type", tag="error"):
    """Ends a stream that did not go well; the same shape is the body of an error response."""

    error: ErrorDetail
    request_id: str | None = None


StreamEvent: TypeAlias = (
    MessageStart | BlockStart | BlockDelta | BlockStop | MessageDelta | MessageStop | StreamFailed | Ping
)

_encoder = msgspec.json.Encoder()
_encode = _encoder.encode
_PREFIXES: dict[type[StreamEvent], bytes] = {
    MessageStart: b"event: message_start\ndata: ",
    BlockStart: b"event: content_block_start\ndata: ",
    BlockDelta: b"event: content_block_delta\ndata: ",
    BlockStop: b"event: content_block_stop\ndata: ",
    MessageDelta: b"event: message_delta\ndata: ",
    MessageStop: b"event: message_stop\ndata: ",
    StreamFailed: b"event: error\ndata: ",
    Ping: b"event: ping\ndata: ",
}


def encode_event(event: StreamEvent) -> bytes:
    """Return the event as one server-sent event, terminator included."""
    return _PREFIXES[type(event)] + _encode(event) + b"\n\n"


def encode_events(events: Sequence[StreamEvent]) -> bytes:
    """
    Return the events as server-sent events; what belongs to one block is encoded in one go.

    A line end stands in no JSON of ours but between two events, so the frame of each can be put in its place.
    """
    return b"".join(_encode_alike(kind, list(alike)) for kind, alike in groupby(events, type))


def _encode_alike(kind: type[StreamEvent], events: list[StreamEvent]) -> bytes:
    frame = _PREFIXES[kind]
    lines: bytes = _encoder.encode_lines(events)
    return frame + lines[:-1].replace(b"\n", b"\n\n" + frame) + b"\n\n"


def encode_message(message: Message) -> bytes:
    """Return the whole message as the body of a response."""
    return _encode(message)


def failure(error: AnyclaudeError, request_id: str | None = None) -> StreamFailed:
    """Return what the client is told of an error."""
    return StreamFailed(ErrorDetail(error.kind, str(error), error.details), request_id)


def encode_failure(event: StreamFailed) -> bytes:
    """Return an error as the body of a response."""
    return _encode(event)
