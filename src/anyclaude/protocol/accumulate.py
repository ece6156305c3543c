"""
Fold a stream of events into the message it spells.

A reply that the client did not request as a stream is made this way, so there is one path
through the gateway and no second one to drift from it.
"""

from collections.abc import Iterable
from typing import assert_never

from msgspec import UNSET
from msgspec.structs import replace

from anyclaude.errors import BackendTruncated, ProtocolMisuse

from .events import (
    BlockDelta,
    BlockStart,
    BlockStop,
    CitationFragment,
    CodeExecutionResultContent,
    InputJsonFragment,
    Message,
    MessageDelta,
    MessageStart,
    MessageStop,
    Ping,
    ReplyBlock,
    ServerToolUseContent,
    ShellResultContent,
    SignatureFragment,
    StreamEvent,
    StreamFailed,
    TextContent,
    TextFragment,
    ThinkingContent,
    ThinkingFragment,
    ToolUseContent,
    WebFetchResultContent,
    WebSearchResultContent,
)
from .json_bounds import is_bounded
from .json_values import JsonError, JsonObject, JsonValue, decode_json


class Accumulator:
    """Collects the events of one stream; `message` is complete once `MessageStop` has been taken."""

    def __init__(self) -> None:
        self._message: Message | None = None
        self._blocks: list[ReplyBlock] = []
        self._open: ReplyBlock | None = None
        self._pieces: list[str] = []
        self._signature = ""
        self._citations: list[JsonObject] = []
        self._stopped = False

    def take(self, events: Iterable[StreamEvent]) -> None:
        """Add the next events.  Raises `BackendTruncated` for a stream that reports a failure."""
        for event in events:
            self._take(event)

    @property
    def message(self) -> Message:
        """
        The complete message.

        Raises:
            BackendTruncated: when the stream has not ended yet.
        """
        if self._message is None or not self._stopped:
            raise BackendTruncated("the stream ended before its message was complete")
        return self._message

    @property
    def blocks(self) -> tuple[ReplyBlock, ...]:
        """The blocks that are complete so far."""
        return tuple(self._blocks)

    def _take(self, event: StreamEvent) -> None:
        match event:
            case MessageStart(message):
                self._message = message
            case BlockStart(_, block):
                self._open, self._pieces, self._signature, self._citations = block, [], "", []
            case BlockDelta():
                self._take_fragment(event)
            case BlockStop():
                self._blocks.append(self._closed_block())
            case MessageDelta(ending, usage, context_management):
                self._message = replace(
                    self._opened(),
                    content=tuple(self._blocks),
                    stop_reason=ending.stop_reason,
                    stop_sequence=ending.stop_sequence,
                    usage=usage,
                    context_management=context_management,
                )
            case MessageStop():
                self._stopped = True
            case StreamFailed(error):
                raise BackendTruncated(error.message)
            case Ping():
                pass
            case _:
                assert_never(event)

    def _take_fragment(self, event: BlockDelta) -> None:
        match event.delta:
            case TextFragment(piece) | ThinkingFragment(piece) | InputJsonFragment(piece):
                self._pieces.append(piece)
            case SignatureFragment(signature):
                self._signature = signature
            case CitationFragment(citation):
                self._citations.append(citation)
            case _:
                assert_never(event.delta)

    def _closed_block(self) -> ReplyBlock:
        block, self._open = self._open, None
        text = "".join(self._pieces)
        match block:
            case TextContent(_, citations):
                return TextContent(text, UNSET if citations is UNSET else tuple(self._citations))
            case ThinkingContent():
                return ThinkingContent(text, self._signature)
            case ToolUseContent(tool_use_id, name):
                return ToolUseContent(tool_use_id, name, _input_of(text))
            case ServerToolUseContent(tool_use_id, name):
                return ServerToolUseContent(tool_use_id, name, _input_of(text))
            case (
                WebSearchResultContent() | WebFetchResultContent() | CodeExecutionResultContent() | ShellResultContent()
            ):
                return block
            case None:
                raise ProtocolMisuse("the stream closed a block that was not open")
            case _:
                assert_never(block)

    def _opened(self) -> Message:
        if self._message is None:
            raise ProtocolMisuse("the stream did not begin with message_start")
        return self._message


def _input_of(text: str) -> JsonValue:
    """Return a tool's input, or its raw text where that is not an object: the client then reports what is wrong."""
    body = text.encode()
    if not is_bounded(body):
        return text
    try:
        value = decode_json(body)
    except JsonError:
        return text
    return value if isinstance(value, dict) else text
