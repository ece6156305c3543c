"""
The Anthropic message: its blocks, its usage, and the events of the stream that spells it.

These are the wire shapes themselves (docs: Messages API, "Streaming messages"), so
encoding is one call.  The reply path costs per token, so a `Struct` that holds no
containers is not tracked by the garbage collector, nor is one whose JSON cannot refer back to it.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Literal, TypeAlias

import msgspec
from msgspec import UNSET, Struct, UnsetType

from anyclaude.errors import AnyclaudeError

from .context_management import CLEAR_THINKING, CLEAR_TOOL_USES
from .deltas import StopReason
from .json_values import JsonObject, JsonValue


class ServerToolUsage(Struct, frozen=True, gc=False):
    """How often tools were used that the server runs (docs: "Web search tool", "Usage and pricing")."""

    web_search_requests: int = 0
    web_fetch_requests: int = 0


class Usage(Struct, frozen=True, gc=False):
    """Token counts as the client gets them: `input_tokens` excludes what was read from or written to the cache."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_creation_input_tokens: int = 0
    server_tool_use: ServerToolUsage | UnsetType = UNSET
    """Only for a message in which such tools were used."""


class TextContent(Struct, frozen=True, gc=False, tag_field="type", tag="text"):
    """Visible text."""

    text: str = ""
    citations: tuple[JsonObject, ...] | UnsetType = UNSET
    """Where sources bear it out; only for text that they do."""


class ThinkingContent(Struct, frozen=True, gc=False, tag_field="type", tag="thinking"):
    """Reasoning text; the signature is empty unless the backend gave one."""

    thinking: str = ""
    signature: str = ""


class ToolUseContent(Struct, frozen=True, tag_field="type", tag="tool_use"):
    """
    A tool call.

    `input` is an object; in a complete message it can be a string too, when the model wrote
    arguments that are not a JSON object: they are passed on unchanged, never guessed at.
    """

    id: str
    name: str
    input: JsonValue = msgspec.field(default_factory=dict)


class ServerToolUseContent(Struct, frozen=True, tag_field="type", tag="server_tool_use"):
    """A call of a tool that the server runs itself, such as `web_search`."""

    id: str
    name: str
    input: JsonValue = msgspec.field(default_factory=dict)


class WebSearchResultContent(Struct, frozen=True, tag_field="type", tag="web_search_tool_result"):
    """What a web search has found, or its error (docs: "Web search tool")."""

    tool_use_id: str
    content: JsonValue


class WebFetchResultContent(Struct, frozen=True, tag_field="type", tag="web_fetch_tool_result"):
    """The page that was fetched, or the error (docs: "Web fetch tool")."""

    tool_use_id: str
    content: JsonValue


class CodeExecutionResultContent(Struct, frozen=True, tag_field="type", tag="code_execution_tool_result"):
    """What a program has written, or the error (docs: "Code execution tool")."""

    tool_use_id: str
    content: JsonValue


class ShellResultContent(Struct, frozen=True, tag_field="type", tag="bash_code_execution_tool_result"):
    """The same of the later versions of that tool, which run commands of a shell."""

    tool_use_id: str
    content: JsonValue


ServerToolResult: TypeAlias = (
    WebSearchResultContent | WebFetchResultContent | CodeExecutionResultContent | ShellResultContent
)
"""Comes whole, in the event that opens its block."""

ReplyBlock: TypeAlias = TextContent | ThinkingContent | ToolUseContent | ServerToolUseContent | ServerToolResult


CacheMiss: TypeAlias = Literal[
    "model_changed",
    "system_changed",
    "tools_changed",
    "messages_changed",
    "previous_message_not_found",
    "unavailable",
]


class CacheMissReason(Struct, frozen=True, gc=False, omit_defaults=True):
    """Why a prompt does not extend an earlier one; the token count is an estimate, given where something changed."""

    type: CacheMiss
    cache_missed_input_tokens: int | None = None


class Diagnostics(Struct, frozen=True):
    """The cache diagnostics for a client that requested them (docs: "Cache diagnostics")."""

    cache_miss_reason: CacheMissReason | None


class AppliedClearing(Struct, frozen=True, gc=False, tag_field="type", tag=CLEAR_TOOL_USES):
    """The tool results that were cleared from the prompt."""

    cleared_tool_uses: int
    cleared_input_tokens: int


class AppliedThinkingClearing(Struct, frozen=True, gc=False, tag_field="type", tag=CLEAR_THINKING):
    """The turns whose thinking was cleared from the prompt."""

    cleared_thinking_turns: int
    cleared_input_tokens: int


AppliedEdit: TypeAlias = AppliedClearing | AppliedThinkingClearing


class ContextManagement(Struct, frozen=True):
    """What was done of the edits that the request asks for (docs: "Context editing")."""

    applied_edits: tuple[AppliedEdit, ...] = ()


class Message(Struct, frozen=True, tag_field="type", tag="message"):
    """A complete reply, or (in `MessageStart`) the empty beginning of one."""

    id: str
    model: str
    content: tuple[ReplyBlock, ...] = ()
    stop_reason: StopReason | None = None
    stop_sequence: str | None = None
    usage: Usage = Usage()
    role: Literal["assistant"] = "assistant"
    diagnostics: Diagnostics | None = None
    context_management: ContextManagement | UnsetType = UNSET
    """Only for a request that asks for edits."""


class TextFragment(Struct, frozen=True, gc=False, tag_field="type", tag="text_delta"):
    """Adds to a text block."""

    text: str


class ThinkingFragment(Struct, frozen=True, gc=False, tag_field="type", tag="thinking_delta"):
    """Adds to a thinking block."""

    thinking: str


class CitationFragment(Struct, frozen=True, gc=False, tag_field="type", tag="citations_delta"):
    """Adds a citation to a text block (docs: "Citations")."""

    citation: JsonObject


class SignatureFragment(Struct, frozen=True, gc=False, tag_field="type", tag="signature_delta"):
    """Sets the signature of a thinking block."""

    signature: str


class InputJsonFragment(Struct, frozen=True, gc=False, tag_field="type", tag="input_json_delta"):
    """Adds to the JSON text of a tool call's input."""

    partial_json: str


Fragment: TypeAlias = TextFragment | CitationFragment | ThinkingFragment | SignatureFragment | InputJsonFragment


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
    context_management: ContextManagement | UnsetType = UNSET


class MessageStop(Struct, frozen=True, gc=False, tag_field="type", tag="message_stop"):
    """Ends a stream that succeeded."""


class Ping(Struct, frozen=True, gc=False, tag_field="type", tag="ping"):
    """Shows in a long silence that the stream is still alive; carries nothing, and may follow any event."""


class ErrorDetail(Struct, frozen=True, omit_defaults=True):
    """An error in the Anthropic shape; `details` only where the client has a use for them."""

    type: str
    message: str
    details: Mapping[str, str] | None = None


class StreamFailed(Struct, frozen=True, gc=False, tag_field="type", tag="error"):
    """Ends a stream that failed; the same shape is the body of an error response."""

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
    """Return the event as one server-sent event, including its terminator."""
    return _PREFIXES[type(event)] + _encode(event) + b"\n\n"


def encode_events(events: Sequence[StreamEvent]) -> bytes:
    """
    Return the events as server-sent events; consecutive events of one type are encoded in one call.

    The encoder writes a line end between two events only, never inside one, so each can be replaced by a frame.
    """
    return b"".join(_encode_run(kind, list(run)) for kind, run in groupby(events, type))


def _encode_run(kind: type[StreamEvent], events: list[StreamEvent]) -> bytes:
    frame = _PREFIXES[kind]
    lines: bytes = _encoder.encode_lines(events)
    return frame + lines[:-1].replace(b"\n", b"\n\n" + frame) + b"\n\n"


def encode_message(message: Message) -> bytes:
    """Return the complete message as the body of a response."""
    return _encode(message)


def failure(error: AnyclaudeError, request_id: str | None = None) -> StreamFailed:
    """Return the event that reports an error to the client."""
    return StreamFailed(ErrorDetail(error.kind, str(error), error.details), request_id)


def encode_failure(event: StreamFailed) -> bytes:
    """Return an error as the body of a response."""
    return _encode(event)
