"""
The message grammar: deltas in any order, one valid event stream out.

    stream  = MessageStart  block*  ( MessageDelta  MessageStop  |  StreamFailed )
    block   = BlockStart  BlockDelta*  BlockStop

The client trusts this order blindly, so it is made here and nowhere else.  Rules:

1. At most one block is open at a time; indexes count up from 0.
2. The first tool call to arrive streams live.  Calls that run in parallel with it wait
   until it closes, because their fragments may interleave and blocks may not.
3. Prose that arrives while a call's arguments are still incomplete JSON waits for them:
   the fragments that complete them have no other block to go to.
4. A signature closes its thinking block: it proves the text before it and no other.
5. `close` is only for a reply the backend finished: without a `Finished` delta it raises
   `BackendTruncated`, so a cut reply can never be dressed up as a whole one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import assert_never

from msgspec.structs import astuple

from anyclaude.errors import AnyclaudeError, BackendGarbled, BackendTruncated, ProtocolMisuse

from .deltas import Delta, Finished, StopReason, TextDelta, ThinkingDelta, ToolCallDelta, UsageReported
from .events import (
    BlockDelta,
    BlockStart,
    BlockStop,
    Diagnostics,
    Ending,
    InputJsonFragment,
    Message,
    MessageDelta,
    MessageStart,
    MessageStop,
    ReplyBlock,
    SignatureFragment,
    StreamEvent,
    TextContent,
    TextFragment,
    ThinkingContent,
    ThinkingFragment,
    ToolUseContent,
    Usage,
    failure,
)
from .json_values import JsonError, decode_json


class Phase(Enum):
    """Where the message is in its life."""

    UNOPENED = auto()
    OPEN = auto()
    ENDED = auto()


@dataclass(slots=True)
class ToolCall:
    """One tool call, gathered from its fragments until it can be streamed."""

    name: str = ""
    arguments: list[str] = field(default_factory=list)
    streamed: int = 0  # how many of the pieces in `arguments` the client has

    def absorb(self, delta: ToolCallDelta) -> None:
        """Take one fragment in."""
        self.name = self.name or delta.name
        if delta.arguments:
            self.arguments.append(delta.arguments)

    def release(self) -> str:
        """Return the argument text that has not been streamed yet."""
        pieces = self.arguments[self.streamed :]
        self.streamed = len(self.arguments)
        return pieces[0] if len(pieces) == 1 else "".join(pieces)

    @property
    def text(self) -> str:
        """All of the arguments so far."""
        return "".join(self.arguments)

    def is_whole(self) -> bool:
        """Whether it has its name, and its arguments read as one JSON document."""
        if not self.name:
            return False
        try:
            decode_json(self.text.encode())
        except JsonError:
            return False
        return True


class MessageStream:
    """Turns the deltas of one reply into the events of one message."""

    def __init__(
        self,
        message_id: str,
        model: str,
        new_tool_use_id: Callable[[], str],
        diagnostics: Diagnostics | None = None,
    ) -> None:
        self._message_id = message_id
        self._diagnostics = diagnostics
        self._model = model
        self._new_tool_use_id = new_tool_use_id
        self._phase = Phase.UNOPENED
        self._open: type[ReplyBlock] | None = None
        self._index = -1
        self._calls: dict[int, ToolCall] = {}
        self._live_slot: int | None = None
        self._retired_slots: set[int] = set()
        self._waiting_prose: list[TextDelta | ThinkingDelta] = []
        self._called_tools = False
        self._reported = UsageReported()
        self._finished: Finished | None = None
        self._raw_arguments: dict[str, str] = {}
        self._live_id = ""

    @property
    def raw_arguments(self) -> Mapping[str, str]:
        """The argument text of each tool call that is complete, by its id, exactly as the model wrote it."""
        return self._raw_arguments

    @property
    def reported(self) -> UsageReported:
        """What the engine has counted so far."""
        return self._reported

    @property
    def is_finished(self) -> bool:
        """Whether the backend has said that the reply is whole."""
        return self._finished is not None

    @property
    def stop_reason(self) -> StopReason | None:
        """Why the message stopped, once the backend has said so."""
        return None if self._finished is None else self._settled_stop_reason(self._finished.reason)

    def open(self) -> list[StreamEvent]:
        """Start the message; may be sent long before the first delta, so that a slow prefill does not look dead."""
        self._require(Phase.UNOPENED)
        self._phase = Phase.OPEN
        return [MessageStart(Message(self._message_id, self._model, diagnostics=self._diagnostics))]

    def feed(self, deltas: Iterable[Delta]) -> list[StreamEvent]:
        """Account for some more of the reply; raises `BackendGarbled` for what no message can hold."""
        self._require(Phase.OPEN)
        events: list[StreamEvent] = []
        for delta in deltas:
            if type(delta) is TextDelta and self._open is TextContent and delta.text and not self._calls:
                events.append(BlockDelta(self._index, TextFragment(delta.text)))
            else:
                events.extend(self._take(delta))
        return events

    def close(self) -> list[StreamEvent]:
        """End the message: stream what still waits, then say why it stopped.  Raises `BackendTruncated`."""
        self._require(Phase.OPEN)
        if self._finished is None:
            raise BackendTruncated("the backend closed its reply before it had finished it")
        events = [*self._settle_calls(), *self._close_block()]
        self._phase = Phase.ENDED
        ending = Ending(self._settled_stop_reason(self._finished.reason), self._finished.stop_sequence)
        return [*events, MessageDelta(ending, usage_of(self._reported)), MessageStop()]

    def fail(self, error: AnyclaudeError) -> list[StreamEvent]:
        """End the message where it stands.  Harmless once it has ended."""
        if self._phase is Phase.ENDED:
            return []
        self._phase = Phase.ENDED
        return [failure(error)]

    def _require(self, phase: Phase) -> None:
        if self._phase is not phase:
            raise ProtocolMisuse(f"the message is {self._phase.name}, not {phase.name}")

    def _take(self, delta: Delta) -> Iterator[StreamEvent]:
        match delta:
            case TextDelta() | ThinkingDelta():
                yield from self._prose(delta)
            case ToolCallDelta():
                yield from self._tool_call(delta)
            case UsageReported():
                self._reported = merge_reports(self._reported, delta)
            case Finished():
                self._finished = delta
            case _:
                assert_never(delta)

    def _prose(self, delta: TextDelta | ThinkingDelta) -> Iterator[StreamEvent]:
        if not delta.text and not (isinstance(delta, ThinkingDelta) and delta.signature):
            return
        if self._calls:
            if self._waiting_prose or not all(call.is_whole() for call in self._calls.values()):
                self._waiting_prose.append(delta)
                return
            yield from self._flush_calls()
        yield from self._stream_prose(delta)

    def _stream_prose(self, delta: TextDelta | ThinkingDelta) -> Iterator[StreamEvent]:
        match delta:
            case TextDelta(text):
                yield from self._ensure_open(TextContent)
                yield BlockDelta(self._index, TextFragment(text))
            case ThinkingDelta(text, signature):
                if text:
                    yield from self._ensure_open(ThinkingContent)
                    yield BlockDelta(self._index, ThinkingFragment(text))
                if signature:
                    yield from self._ensure_open(ThinkingContent)
                    yield BlockDelta(self._index, SignatureFragment(signature))
                    yield from self._close_block()
            case _:
                assert_never(delta)

    def _tool_call(self, delta: ToolCallDelta) -> Iterator[StreamEvent]:
        if delta.slot in self._retired_slots:
            if delta.arguments.strip():
                raise BackendGarbled(f"tool call {delta.slot} went on after its arguments were complete")
            return
        if not delta.name and not delta.arguments:
            return
        call = self._calls.setdefault(delta.slot, ToolCall())
        call.absorb(delta)
        if self._live_slot is None and call.name:
            yield from self._go_live(delta.slot, call)
        elif delta.slot == self._live_slot:
            yield from self._stream_arguments(call)

    def _go_live(self, slot: int, call: ToolCall) -> Iterator[StreamEvent]:
        if not call.name:
            raise BackendGarbled(f"tool call {slot} never said which tool")
        self._live_slot = slot
        self._called_tools = True
        self._live_id = self._new_tool_use_id()
        yield from self._open_block(ToolUseContent(self._live_id, call.name))
        yield from self._stream_arguments(call)

    def _stream_arguments(self, call: ToolCall) -> Iterator[StreamEvent]:
        if piece := call.release():
            yield BlockDelta(self._index, InputJsonFragment(piece))

    def _settle_calls(self) -> Iterator[StreamEvent]:
        """Stream all that waits: the calls first, then the prose that waited for them."""
        yield from self._flush_calls()
        waiting, self._waiting_prose = self._waiting_prose, []
        for delta in waiting:
            yield from self._stream_prose(delta)

    def _flush_calls(self) -> Iterator[StreamEvent]:
        """Finish the live call, then stream every call that waited behind it."""
        live = self._live_slot
        if live is not None:
            yield from self._complete(self._calls[live])
        for slot, call in self._calls.items():
            if slot != live:
                yield from self._go_live(slot, call)
                yield from self._complete(call)
        self._retired_slots.update(self._calls)
        self._calls.clear()
        self._live_slot = None

    def _complete(self, call: ToolCall) -> Iterator[StreamEvent]:
        """End the live call; the client takes a tool's input from fragments alone, an empty one too."""
        if not call.text.strip():
            yield BlockDelta(self._index, InputJsonFragment("{}"))
        self._raw_arguments[self._live_id] = call.text

    def _ensure_open(self, kind: type[TextContent] | type[ThinkingContent]) -> Iterator[StreamEvent]:
        if self._open is not kind:
            yield from self._open_block(kind())

    def _open_block(self, block: ReplyBlock) -> Iterator[StreamEvent]:
        yield from self._close_block()
        self._index += 1
        self._open = type(block)
        yield BlockStart(self._index, block)

    def _close_block(self) -> Iterator[StreamEvent]:
        if self._open is not None:
            self._open = None
            yield BlockStop(self._index)

    def _settled_stop_reason(self, reason: StopReason) -> StopReason:
        """Servers mislabel tool turns; the client acts only on `tool_use`."""
        match reason, self._called_tools:
            case "end_turn", True:
                return "tool_use"
            case "tool_use", False:
                return "end_turn"
            case _:
                return reason


def merge_reports(before: UsageReported, now: UsageReported) -> UsageReported:
    """Return both reports as one; where both say something, the later one counts."""
    return UsageReported(*(old if new is None else new for old, new in zip(astuple(before), astuple(now), strict=True)))


def usage_of(reported: UsageReported) -> Usage:
    """Return the engine's counts in the client's terms, which add up; what the engine did not say is zero there."""
    cached = reported.cached_tokens or 0
    evaluated = max((reported.input_tokens or 0) - cached, 0)
    written = min(reported.cache_written_tokens or 0, evaluated)
    return Usage(
        input_tokens=evaluated - written,
        output_tokens=reported.output_tokens or 0,
        cache_read_input_tokens=cached,
        cache_creation_input_tokens=written,
    )
