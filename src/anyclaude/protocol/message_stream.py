"""
The message grammar: deltas in any order in, one valid event stream out.

    stream      = MessageStart  block*  ( MessageDelta  MessageStop  |  incomplete?  StreamFailed )
                | StreamFailed
    block       = incomplete  BlockStop
    incomplete  = BlockStart  BlockDelta*

`Ping` is the one event that may stand between any two of these: it carries nothing, and whatever
writes the stream inserts it.  The client relies on the order of all others, so that order is made
here and nowhere else.  Rules:

1. At most one block is open at a time; indexes count up from 0.
2. The first tool call to arrive streams live.  Calls that run in parallel with it wait
   until it closes, because their fragments may interleave and blocks may not.
3. Prose (text and thinking) that arrives while a call's arguments are still incomplete JSON waits
   for them: the fragments that complete them have no other block to go to.
4. A signature closes its thinking block: it proves the text before it and no other.
5. Text that is cited is a block of its own: its citations first, then the text.
6. `close` is only for a reply the backend finished: without a `Finished` delta it raises
   `BackendTruncated`, so a truncated reply is never presented as a complete one.  Neither is a reply
   that ended for a tool call (`tool_use`) which nothing on the way here has understood.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TypeAlias, TypeVar, assert_never

from msgspec import UNSET
from msgspec.structs import astuple, replace

from anyclaude.errors import AnyclaudeError, BackendGarbled, BackendTruncated, ProtocolMisuse

from .deltas import (
    CitedTextDelta,
    Delta,
    Finished,
    StopReason,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    UsageReported,
)
from .events import (
    BlockDelta,
    BlockStart,
    BlockStop,
    CitationFragment,
    ContextManagement,
    Diagnostics,
    Ending,
    InputJsonFragment,
    Message,
    MessageDelta,
    MessageStart,
    MessageStop,
    ReplyBlock,
    ServerToolResult,
    ServerToolUsage,
    ServerToolUseContent,
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
from .json_end import JsonEnd
from .json_values import encode_json
from .provider_fields import ProviderFields

Prose: TypeAlias = TextDelta | CitedTextDelta | ThinkingDelta


class Phase(Enum):
    """How far the message has come."""

    UNOPENED = auto()
    OPEN = auto()
    ENDED = auto()


@dataclass(slots=True)
class ToolCall:
    """One tool call, collected from its fragments until it can be streamed."""

    name: str = ""
    arguments: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    raw_arguments: list[str] = field(default_factory=list)
    provider_fields: ProviderFields | None = None
    end: JsonEnd = field(default_factory=JsonEnd)
    streamed: int = 0  # the number of pieces in `arguments` that the client has

    def add(self, delta: ToolCallDelta) -> None:
        """Add one fragment."""
        self.name = self.name or delta.name
        if delta.arguments:
            self.arguments.append(delta.arguments)
            self.end.feed(delta.arguments)
        if delta.written:
            self.written.append(delta.written)
        if delta.raw_arguments:
            self.raw_arguments.append(delta.raw_arguments)
        self.provider_fields = delta.provider_fields or self.provider_fields

    def take_unstreamed(self) -> str:
        """Return the argument text that has not been streamed yet, and count it as streamed."""
        pieces = self.arguments[self.streamed :]
        self.streamed = len(self.arguments)
        return pieces[0] if len(pieces) == 1 else "".join(pieces)

    @property
    def text(self) -> str:
        """The whole argument text so far."""
        return "".join(self.arguments)

    @property
    def is_complete(self) -> bool:
        """Whether the call has its name, and its arguments are one JSON document, as far as its brackets tell."""
        return bool(self.name) and self.end.is_reached


class MessageStream:
    """Turns the deltas of one reply into the events of one message, and is the only maker of their order."""

    def __init__(
        self,
        message_id: str,
        model: str,
        new_tool_use_id: Callable[[], str],
        diagnostics: Diagnostics | None = None,
        *,
        estimated_input_tokens: int | None = None,
        context_management: ContextManagement | None = None,
    ) -> None:
        """Take an estimate of the prompt's length, for the client only, and only until the engine has counted it."""
        self._estimated_input_tokens = estimated_input_tokens
        self._message_id = message_id
        self._diagnostics = diagnostics
        self._context_management = UNSET if context_management is None else context_management
        self._model = model
        self._new_tool_use_id = new_tool_use_id
        self._phase = Phase.UNOPENED
        self._open: type[ReplyBlock] | None = None
        self._index = -1
        self._calls: dict[int, ToolCall] = {}
        self._live_slot: int | None = None
        self._closed_calls: dict[int, str] = {}  # tool use ids by slot
        self._waiting_prose: list[Prose] = []
        self._called_tools = False
        self._earlier = UsageReported()  # of the replies before this one
        self._reported = UsageReported()
        self._server_tools: ServerToolUsage | None = None
        self._finished: Finished | None = None
        self._raw_arguments: dict[str, str] = {}
        self._repaired_arguments: dict[str, str] = {}
        self._written_calls: dict[str, list[str]] = {}  # in pieces
        self._provider_fields: dict[str, ProviderFields] = {}
        self._live_id = ""

    @property
    def message_id(self) -> str:
        """The identifier of the message."""
        return self._message_id

    @property
    def raw_arguments(self) -> Mapping[str, str]:
        """The argument text of each complete tool call, by tool use id, exactly as the backend sent it."""
        return self._raw_arguments

    @property
    def repaired_arguments(self) -> Mapping[str, str]:
        """The argument text the client received, by tool use id, where it is not the one the backend sent."""
        return self._repaired_arguments

    @property
    def written_calls(self) -> Mapping[str, str]:
        """The text the model wrote for a complete tool call, by tool use id, where that is not its JSON arguments."""
        return {tool_use_id: "".join(pieces) for tool_use_id, pieces in self._written_calls.items()}

    @property
    def provider_fields(self) -> Mapping[str, ProviderFields]:
        """What the server wants back with a complete tool call, by tool use id, where it sent any such fields."""
        return self._provider_fields

    @property
    def reported(self) -> UsageReported:
        """The engine's counts so far, of all replies in the message."""
        return usage_in_turn(self._earlier, self._reported)

    @property
    def latest_reported(self) -> UsageReported:
        """The engine's counts of the latest reply."""
        return self._reported

    @property
    def has_estimated_input(self) -> bool:
        """Whether the client's count of input tokens is an estimate."""
        return self._estimated_input_tokens is not None and self.reported.input_tokens is None

    @property
    def has_blocks(self) -> bool:
        """Whether a content block has begun."""
        return self._index >= 0

    @property
    def is_finished(self) -> bool:
        """Whether the backend has reported the end of the reply."""
        return self._finished is not None

    @property
    def is_ended(self) -> bool:
        """Whether the end of the message has been made."""
        return self._phase is Phase.ENDED

    @property
    def stop_reason(self) -> StopReason | None:
        """Why the message stopped, once the backend has reported it."""
        return None if self._finished is None else self._corrected_stop_reason(self._finished.reason)

    def open(self) -> list[StreamEvent]:
        """Start the message; may be sent long before the first delta, so that a slow prefill shows signs of life."""
        self._require(Phase.UNOPENED)
        self._phase = Phase.OPEN
        message = Message(self._message_id, self._model, usage=self._usage(), diagnostics=self._diagnostics)
        return [MessageStart(message)]

    def feed(self, deltas: Iterable[Delta]) -> list[StreamEvent]:
        """Return the events of the next deltas.  Raises `BackendGarbled` for deltas that no message can hold."""
        self._require(Phase.OPEN)
        events: list[StreamEvent] = []
        for delta in deltas:
            if type(delta) is TextDelta and self._open is TextContent and delta.text and not self._calls:
                events.append(BlockDelta(self._index, TextFragment(delta.text)))
            else:
                events.extend(self._handle(delta))
        return events

    def add_server_call(self, call: ServerToolUseContent, original: ToolCallDelta | None = None) -> list[StreamEvent]:
        """Return the events of the call of a tool that is run here, which the model wrote as `original`."""
        self._require(Phase.OPEN)
        text = encode_json(call.input).decode()
        if original is not None:
            written = original.raw_arguments or original.arguments
            self._raw_arguments[call.id] = written
            if text != written:
                self._repaired_arguments[call.id] = text
            self._add_written(call.id, original.written)
            self._add_provider_fields(call.id, original.provider_fields)
        return [
            *self._stream_waiting(),
            *self._open_block(ServerToolUseContent(call.id, call.name)),
            BlockDelta(self._index, InputJsonFragment(text)),
            *self._close_block(),
        ]

    def add_server_result(self, result: ServerToolResult) -> list[StreamEvent]:
        """Return the events of what came of such a call."""
        self._require(Phase.OPEN)
        return [*self._open_block(result), *self._close_block()]

    def begin_next_reply(self) -> None:
        """Take the deltas of a further reply of the model into the same message: their usage adds up."""
        self._require(Phase.OPEN)
        self._finished = None  # its end alone is that of the message
        self._earlier, self._reported = self.reported, UsageReported()
        self._closed_calls.clear()  # a slot is one of its reply

    def count_server_tools(self, usage: ServerToolUsage) -> None:
        """Set how often server tools were used."""
        self._server_tools = usage

    def close(self) -> list[StreamEvent]:
        """
        Return the events that end a finished reply: everything that is waiting, then the stop reason and the usage.

        Raises:
            BackendTruncated: when the backend has not reported the end of the reply, or has ended it for a tool call
                that is not there.
        """
        self._require(Phase.OPEN)
        if self._finished is None:
            raise BackendTruncated("the backend closed its reply before finishing it")
        waiting = [*self._stream_waiting()]
        if self._finished.reason == "tool_use" and not self._called_tools:
            raise BackendTruncated("the backend ended its reply for a tool call that is not in it")
        events = [*waiting, *self._close_block()]
        self._phase = Phase.ENDED
        ending = Ending(self._corrected_stop_reason(self._finished.reason), self._finished.stop_sequence)
        return [*events, MessageDelta(ending, self._usage(), self._context_management), MessageStop()]

    def fail(self, error: AnyclaudeError) -> list[StreamEvent]:
        """Return the event that ends the message as failed; none if it has ended already."""
        if self._phase is Phase.ENDED:
            return []
        self._phase = Phase.ENDED
        return [failure(error)]

    def _usage(self) -> Usage:
        """Return the engine's counts; the estimate in place of an input that it has not counted."""
        estimate, reported = self._estimated_input_tokens, self.reported
        if estimate is not None and self.has_estimated_input:
            reported = replace(reported, input_tokens=max(estimate, reported.cached_tokens or 0))
        usage = usage_of(reported)
        return usage if self._server_tools is None else replace(usage, server_tool_use=self._server_tools)

    def _require(self, phase: Phase) -> None:
        if self._phase is not phase:
            raise ProtocolMisuse(f"the message is {self._phase.name}, not {phase.name}")

    def _handle(self, delta: Delta) -> Iterator[StreamEvent]:
        match delta:
            case TextDelta() | CitedTextDelta() | ThinkingDelta():
                yield from self._handle_prose(delta)
            case ToolCallDelta():
                yield from self._handle_tool_call(delta)
            case UsageReported():
                self._reported = merge_reports(self._reported, delta)
            case Finished():
                self._finished = delta
            case _:
                assert_never(delta)

    def _handle_prose(self, delta: Prose) -> Iterator[StreamEvent]:
        if not delta.text and not (isinstance(delta, ThinkingDelta) and delta.signature):
            return
        if self._calls:
            if self._waiting_prose or not all(call.is_complete for call in self._calls.values()):
                self._waiting_prose.append(delta)
                return
            yield from self._flush_calls()
        yield from self._stream_prose(delta)

    def _stream_prose(self, delta: Prose) -> Iterator[StreamEvent]:
        match delta:
            case TextDelta(text):
                yield from self._ensure_open(TextContent)
                yield BlockDelta(self._index, TextFragment(text))
            case CitedTextDelta(text, citations):
                yield from self._open_block(TextContent(citations=()))
                for citation in citations:
                    yield BlockDelta(self._index, CitationFragment(citation))
                yield BlockDelta(self._index, TextFragment(text))
                yield from self._close_block()
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

    def _handle_tool_call(self, delta: ToolCallDelta) -> Iterator[StreamEvent]:
        if delta.slot in self._closed_calls:
            self._handle_late_fragment(delta)
            return
        if not (delta.name or delta.arguments or delta.written or delta.raw_arguments or delta.provider_fields):
            return
        call = self._calls.setdefault(delta.slot, ToolCall())
        call.add(delta)
        if self._live_slot is None and call.name:
            yield from self._start_call(delta.slot, call)
        elif delta.slot == self._live_slot:
            yield from self._stream_arguments(call)

    def _handle_late_fragment(self, delta: ToolCallDelta) -> None:
        """Handle a fragment of a closed call, which may complete what stands beside its arguments, but not these."""
        if delta.arguments.strip() or delta.raw_arguments.strip():
            raise BackendGarbled(f"tool call {delta.slot} continued after its arguments were complete")
        self._add_written(self._closed_calls[delta.slot], delta.written)
        self._add_provider_fields(self._closed_calls[delta.slot], delta.provider_fields)

    def _start_call(self, slot: int, call: ToolCall) -> Iterator[StreamEvent]:
        if not call.name:
            raise BackendGarbled(f"tool call {slot} does not name its tool")
        self._live_slot = slot
        self._called_tools = True
        self._live_id = self._new_tool_use_id()
        yield from self._open_block(ToolUseContent(self._live_id, call.name))
        yield from self._stream_arguments(call)

    def _stream_arguments(self, call: ToolCall) -> Iterator[StreamEvent]:
        if piece := call.take_unstreamed():
            yield BlockDelta(self._index, InputJsonFragment(piece))

    def _stream_waiting(self) -> Iterator[StreamEvent]:
        """Stream everything that is waiting: the calls first, then the prose that waited for them."""
        yield from self._flush_calls()
        waiting, self._waiting_prose = self._waiting_prose, []
        for delta in waiting:
            yield from self._stream_prose(delta)

    def _flush_calls(self) -> Iterator[StreamEvent]:
        """Complete the live call, then stream every call that waited for it."""
        live = self._live_slot
        if live is not None:
            yield from self._complete_call(live, self._calls[live])
        for slot, call in self._calls.items():
            if slot != live:
                yield from self._start_call(slot, call)
                yield from self._complete_call(slot, call)
        self._calls.clear()
        self._live_slot = None

    def _complete_call(self, slot: int, call: ToolCall) -> Iterator[StreamEvent]:
        """Complete the live call.  The client takes a tool's input from fragments only, even an empty one."""
        if not call.text.strip():
            yield BlockDelta(self._index, InputJsonFragment("{}"))
        self._raw_arguments[self._live_id] = call.text
        if call.raw_arguments:
            self._raw_arguments[self._live_id] = "".join(call.raw_arguments)
            self._repaired_arguments[self._live_id] = call.text
        self._add_written(self._live_id, "".join(call.written))
        self._add_provider_fields(self._live_id, call.provider_fields)
        self._closed_calls[slot] = self._live_id

    def _add_written(self, tool_use_id: str, text: str) -> None:
        if text:
            self._written_calls.setdefault(tool_use_id, []).append(text)

    def _add_provider_fields(self, tool_use_id: str, fields: ProviderFields | None) -> None:
        if fields is not None:
            self._provider_fields[tool_use_id] = fields

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

    def _corrected_stop_reason(self, reason: StopReason) -> StopReason:
        """Return the reason that fits the content: servers mislabel tool turns, and the client acts on `tool_use`."""
        return "tool_use" if reason == "end_turn" and self._called_tools else reason


def merge_reports(before: UsageReported, now: UsageReported) -> UsageReported:
    """Return both reports as one; of two values for the same field, the later one counts."""
    return UsageReported(*(old if new is None else new for old, new in zip(astuple(before), astuple(now), strict=True)))


def usage_in_turn(earlier: UsageReported, latest: UsageReported) -> UsageReported:
    """
    Return the usage of a message that is made of several replies, each with the conversation so far as its prompt.

    What was generated adds up.  The input, and the time that it took, are those of the latest, if it is known: the
    client takes it for the size of its conversation.
    """
    prompt = earlier if latest.input_tokens is None and earlier.input_tokens is not None else latest
    return UsageReported(
        input_tokens=prompt.input_tokens,
        cached_tokens=prompt.cached_tokens,
        output_tokens=sum_of(earlier.output_tokens, latest.output_tokens),
        prefill_seconds=prompt.prefill_seconds,
        generation_seconds=sum_of(earlier.generation_seconds, latest.generation_seconds),
        cache_written_tokens=prompt.cache_written_tokens,
        drafted_tokens=sum_of(earlier.drafted_tokens, latest.drafted_tokens),
        accepted_tokens=sum_of(earlier.accepted_tokens, latest.accepted_tokens),
    )


Number = TypeVar("Number", int, float)


def sum_of(one: Number | None, other: Number | None) -> Number | None:
    """Return the sum of two figures; one that was not reported counts as none."""
    return one if other is None else other if one is None else one + other


def usage_of(reported: UsageReported) -> Usage:
    """Return the engine's counts in the client's terms, which add up; a count the engine did not report is zero."""
    cached = reported.cached_tokens or 0
    evaluated = max((reported.input_tokens or 0) - cached, 0)
    written = min(reported.cache_written_tokens or 0, evaluated)
    return Usage(
        input_tokens=evaluated - written,
        output_tokens=reported.output_tokens or 0,
        cache_read_input_tokens=cached,
        cache_creation_input_tokens=written,
    )
