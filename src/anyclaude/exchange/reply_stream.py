"""
A reply on its way to the client: here the pure core meets the network.

Bytes from a backend become deltas, pass the filters, and leave as batches of stream events.  A batch contains what one
read returned.  Nothing more is read until the client has taken it: that is the back-pressure.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from msgspec.structs import replace

from anyclaude.errors import (
    AnyclaudeError,
    BackendError,
    BackendRejected,
    BackendTimeout,
    BackendTruncated,
    BadSample,
)
from anyclaude.filters import (
    ENDED_BY_THE_MODEL,
    CallNote,
    EndlessReply,
    FilterChain,
    FilterContext,
    FilterFactory,
    RejectedCall,
    ServerCalls,
    chain_for,
    deliver,
    endless_arguments,
    excerpt,
    ignore,
    ignore_end,
    keep,
)
from anyclaude.memory_budget import Reservation
from anyclaude.protocol.citable_sources import CitableSource
from anyclaude.protocol.deltas import (
    Delta,
    Finished,
    StopReason,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    UsageReported,
)
from anyclaude.protocol.events import StreamEvent
from anyclaude.protocol.message_stream import MessageStream
from anyclaude.protocol.splice import Diverged
from anyclaude.scheduling.dispatch import Dispatcher, OpenReply
from anyclaude.scheduling.progress import Progress
from anyclaude.scheduling.upstream import PreparedRequest
from anyclaude.scheduling.window import CountedReply
from anyclaude.worker_threads import SHORT_STEP_BYTES, ReplySteps, ReplyWorkers

from .reply_size import ReplySize, size_in_bytes
from .resume import ReplyTranscript, continuation_of
from .second_try import against_repetition, can_be_constrained, constrained, replacement, usage_of_both

LONG_DELTA_BYTES = 640
"""A delta of 500 characters or more may take long: 4 KB of fences around what is no call take 12 ms."""

DECIDED_BYTES = 8 * 1024
"""What may be held back of a call before its check is left to a thread: one with 700 arguments that its tool does not
have takes 9 ms."""

ENDS = "}])>"
"""What a call ends with, written or not."""


class ReplyStream:
    """One reply on its way to the client, completed or replaced by a second one where that is possible."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        progress: Progress,
        stream: MessageStream,
        filters: Sequence[FilterFactory] = (),
        note: Callable[[CallNote], None] = ignore,
        note_end: Callable[[EndlessReply], None] = ignore_end,
    ) -> None:
        self.server_calls = ServerCalls()
        """The calls that do not go to the client, when the reply is over."""
        self.sources: tuple[CitableSource, ...] = ()
        """What the reply may cite."""
        self._dispatcher = dispatcher
        self._progress = progress
        self._stream = stream
        self._filters = filters
        self._note = note
        self._note_end = note_end
        self._size = ReplySize()
        self._steps = ReplySteps(ReplyWorkers())
        self._is_stopped = False  # by a filter
        self._chain: FilterChain | None = None
        self._is_discarded = False  # because nothing of it was delivered before it repeated itself
        self._rejected: RejectedCall | None = None
        self._has_content = False  # of the server's, whatever the filters make of it

    async def batches(
        self, opened: OpenReply, reservation: Reservation | None = None
    ) -> AsyncGenerator[list[StreamEvent], None]:
        """
        Yield the events of the reply after the message start, including the end, and close `opened`.

        `reservation` is the memory of the exchange, which grows with the reply.

        Raises `BackendError` and `MemoryExhausted` if the reply fails; the events yielded until then are valid, and do
        not end the message.
        """
        self._size = ReplySize(reservation)
        self._steps = ReplySteps(opened.request.upstream.workers)
        try:
            async with aclosing(self._batches(opened)) as batches:
                async for events in batches:
                    yield events
        finally:
            # The filters call this object, and it refers to the request.  In a cycle, both would stay in memory until
            # the next collection, which is seldom (`freed_memory.py`).
            self._chain = None

    async def _batches(self, opened: OpenReply) -> AsyncGenerator[list[StreamEvent], None]:
        transcript = ReplyTranscript()
        try:
            self._chain = chain_for(self._filter_context(opened.request), self._filters)
            async with aclosing(self._deltas(opened, self._has_finished)) as batches:
                async for deltas in batches:
                    transcript.add(deltas)
                    yield await self._events(deltas)
            self._expect_followup(opened)
        except (BackendTimeout, BackendTruncated, BadSample) as broken:
            await opened.aclose()
            async with aclosing(self._rest(opened, transcript, broken)) as batches:
                async for deltas in batches:
                    yield await self._events(deltas)
        finally:
            await opened.aclose()
        if self._is_discarded:
            async with aclosing(self._instead(await against_repetition(opened.request))) as events:
                async for batch in events:
                    yield batch
        self._require_whole_prompt(opened)
        ending = [] if self._chain is None else await self._end_of_chain(self._chain)
        if self._rejected is not None:
            yield ending
            ending = self._take(await self._asked_again(opened.request, self._rejected))
        yield ending if self.server_calls.calls else [*ending, *self._stream.close()]

    def _expect_followup(self, opened: OpenReply) -> None:
        """Keep the turn of a conversation that continues as soon as the client has run the tools."""
        if opened.turn is not None:
            opened.turn.expects_followup = bool(self.server_calls.calls) or self._stream.stop_reason == "tool_use"

    def _filter_context(self, request: PreparedRequest) -> FilterContext:
        profile = replace(request.profile, opens_thinking=request.opens_thinking)
        tools = () if request.enforced == "format" else request.source.request.tools  # what looks like a call is none
        hand_over = self._take_over if can_be_constrained(request) else keep
        return FilterContext(
            tools,
            profile,
            request.model,
            is_call_forced=request.enforced == "call",
            stop_sequences=request.source.request.stop_sequences if request.enforced == "any" else (),
            note=self._note,
            sources=self.sources if request.enforced == "any" else (),  # a call or JSON, whole as it is
            stop=self._stop,
            end=self._end,
            request_again=self._discard,
            is_sampled_against_repetition=request.source.avoids_repetition,
            hand_over=hand_over,
        )

    def _end(self, reply: EndlessReply) -> None:
        """Read no more of a reply that a filter has ended, and note it."""
        self._stop()
        self._note_end(reply)

    def _stop(self) -> None:
        """Read no more of a reply."""
        self._is_stopped = True

    def _discard(self, reply: EndlessReply) -> bool:
        """Read no more of a reply that repeats itself, and request it again, once, if nothing of it was delivered."""
        if self._is_discarded or self._rejected is not None or self._stream.has_blocks:
            return False
        self._is_discarded = True
        self._end(replace(reply, was_requested_again=True))
        return True

    def _take_over(self, call: RejectedCall) -> bool:
        """Take over the first invalid call of the reply; one more request is worth it, not one for each."""
        if self._rejected is not None:
            return False
        self._rejected = call
        return True

    async def _asked_again(self, prepared: PreparedRequest, call: RejectedCall) -> Sequence[Delta]:
        """Request an invalid call again; return it as the model wrote it if that fails, or if the reply was cut."""
        is_whole = self._stop_reason in {*ENDED_BY_THE_MODEL, "stop_sequence"}
        reply = await self._constrained_reply(prepared, call.tool) if is_whole else []
        usage = usage_of_both(self._stream.latest_reported, reply)
        tools = prepared.source.request.tools
        found = await self._steps.take(lambda _: [replacement(call, reply, tools)], [None], size_in_bytes(reply))
        if (valid := found[0]) is None:
            self._note(CallNote("invalid", call.tool, call.problem, excerpt(call.arguments)))
            return [usage, *call.deltas]
        before, after = excerpt(call.arguments), excerpt(valid.arguments)
        self._note(CallNote("constrained", call.tool, call.problem, before, after))
        return [usage, valid]

    async def _constrained_reply(self, prepared: PreparedRequest, tool: str) -> list[Delta]:
        """Return the whole reply to the second request, nothing if it fails: the client did not send that request."""
        request = await constrained(prepared, tool)
        context = replace(self._filter_context(request), end=lambda reply: self._stop(), request_again=deliver)
        chain = chain_for(context, [made for made in self._filters if made is endless_arguments])
        reply: list[Delta] = []
        try:
            again = await self._dispatcher.reopen(request, self._progress)
        except AnyclaudeError:
            return []
        self._is_stopped = False
        try:
            async with aclosing(self._deltas(again, lambda: _is_finished(reply))) as batches:
                async for deltas in batches:
                    reply += deltas if chain is None else chain.feed(deltas)
            if again.turn is not None:
                again.turn.expects_followup = True
        except AnyclaudeError:
            pass  # what has come may be whole nevertheless
        finally:
            await again.aclose()
        return reply

    async def _events(self, deltas: list[Delta]) -> list[StreamEvent]:
        """Return the events of the deltas that were read last."""
        size, held = self._size.latest, self._steps.held_bytes
        may_be_long = LONG_DELTA_BYTES < size <= SHORT_STEP_BYTES and any(map(_is_long, deltas))
        is_long = may_be_long or (held > DECIDED_BYTES and _decides(deltas))
        return await self._steps.take(self._feed, deltas, size + self._source_characters, is_long=is_long)

    @property
    def _source_characters(self) -> int:
        """What a step may have to read besides what has arrived."""
        return sum(source.characters for source in self.sources)

    async def _end_of_chain(self, chain: FilterChain) -> list[StreamEvent]:
        """Return the events of what the filters still hold back."""
        return await self._steps.take(self._finished, [chain], self._source_characters)

    def _finished(self, chains: list[FilterChain]) -> list[StreamEvent]:
        return [event for chain in chains for event in self._take(chain.finish())]

    def _feed(self, deltas: list[Delta]) -> list[StreamEvent]:
        self._has_content = self._has_content or any(map(_is_content, deltas))
        return self._take(deltas if self._chain is None else self._chain.feed(deltas))

    def _take(self, deltas: Sequence[Delta]) -> list[StreamEvent]:
        """Return the events of deltas that have passed the filters."""
        return self._stream.feed(self.server_calls.take(deltas))

    def _require_whole_prompt(self, opened: OpenReply) -> None:
        """Raise `PromptTooLong` if the server has not taken the whole prompt that this reply answers."""
        if not self._has_finished() or self._progress.continuations:
            return
        source, upstream, reported = opened.request.source, opened.request.upstream, self._stream.latest_reported
        target = opened.request.target
        reply = CountedReply(
            reported.input_tokens,
            is_empty=not self._has_content,
            counts_cached_tokens=reported.cached_tokens is not None or target.profile.counts_cached_tokens,
        )
        limit = target.checked_window(opened.request.model)
        upstream.window.check_reply(source.conversation, source.request, source.characters, reply, limit)

    async def _deltas(self, opened: OpenReply, is_finished: Callable[[], bool]) -> AsyncGenerator[list[Delta], None]:
        """Yield the backend's deltas until the reply is over or stopped, or until it is finished and no more arrive."""
        yield self._size.add(opened.first_deltas)
        timeouts, clock, reader = self._dispatcher.timeouts, self._dispatcher.clock, opened.reader
        try:
            while not (reader.is_over or self._is_stopped or is_finished()):
                yield self._size.add(await reader.read(timeouts.stall_seconds, timeouts.first_byte_seconds))
            finish_by = clock() + timeouts.finish_seconds
            while not (reader.is_over or self._is_stopped):
                remaining_seconds = finish_by - clock()
                yield self._size.add(await reader.read(remaining_seconds, remaining_seconds))
        except (BackendTimeout, BackendTruncated, BadSample):
            if not is_finished():  # otherwise only the last usage figures are missing
                raise

    def _has_finished(self) -> bool:
        return self._stream.is_finished or self.server_calls.finished is not None

    @property
    def _stop_reason(self) -> StopReason | None:
        held = self.server_calls.finished
        return self._stream.stop_reason if held is None else held.reason

    async def _rest(
        self, opened: OpenReply, transcript: ReplyTranscript, broken: BackendError
    ) -> AsyncGenerator[list[Delta], None]:
        """Request the rest of a reply from the same upstream, and yield the deltas that provably continue it."""
        received = transcript.deltas()
        if received is None:
            raise broken
        request = opened.request
        continuation = continuation_of(request.source.request, received, request.profile)
        prepared = await request.upstream.prepare_again(request, replace(request.source, request=continuation.request))
        try:
            async with aclosing(self._second_attempt(prepared)) as batches:
                async for deltas in batches:
                    yield continuation.splice.feed(deltas)
        except Diverged as error:
            raise BackendTruncated(f"{broken}; a second attempt did not continue it") from error
        except BackendRejected as error:  # must not reach the client, which did not send this request
            raise BackendTruncated(f"{broken}; a second attempt was refused: {error}") from error

    async def _instead(self, prepared: PreparedRequest) -> AsyncGenerator[list[StreamEvent], None]:
        """
        Yield the events of a reply that takes the place of a discarded one.

        If there is none, the discarded one is delivered as far as it came.
        """
        discarded, kept, first = self._chain, self.server_calls, self._stream.latest_reported
        self._chain = chain_for(self._filter_context(prepared), self._filters)
        self.server_calls = kept.afresh()
        self._is_stopped = False
        usage: list[Delta] = []
        try:
            async with aclosing(self._second_attempt(prepared)) as batches:
                async for deltas in batches:
                    usage += (delta for delta in deltas if type(delta) is UsageReported)
                    yield await self._events(deltas)
        except AnyclaudeError:  # the client did not send that request
            if self._stream.has_blocks:
                raise
            self._chain, self._rejected, self.server_calls = discarded, None, kept
        yield self._stream.feed([usage_of_both(first, usage)])

    async def _second_attempt(self, prepared: PreparedRequest) -> AsyncGenerator[list[Delta], None]:
        """Yield the deltas of the reply to a second request."""
        again = await self._dispatcher.reopen(prepared, self._progress)
        try:
            async with aclosing(self._deltas(again, self._has_finished)) as batches:
                async for deltas in batches:
                    yield deltas
            self._expect_followup(again)
        finally:
            await again.aclose()


def _is_content(delta: Delta) -> bool:
    """Return whether a delta has something for the reader: text that is not blank, or a call."""
    match delta:
        case TextDelta(text) | ThinkingDelta(text):
            return bool(text.strip())
        case ToolCallDelta():
            return True
        case _:
            return False


def _is_long(delta: Delta) -> bool:
    """Return whether a delta may take long by itself: a text with many forms in it, or a whole call."""
    return size_in_bytes([delta]) > LONG_DELTA_BYTES


def _decides(deltas: Sequence[Delta]) -> bool:
    """Return whether deltas may end what is held back: all but a piece of text or of arguments without an end in it."""
    for delta in deltas:
        match delta:
            case TextDelta(text) | ToolCallDelta(_, "", text):
                if any(mark in text for mark in ENDS):
                    return True
            case _:
                return True
    return False


def _is_finished(deltas: Sequence[Delta]) -> bool:
    """Return whether a reply has reported its end, after which only usage figures follow."""
    return any(type(delta) is Finished for delta in deltas[-2:])
