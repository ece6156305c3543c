"""
A reply on its way to the client: here the pure core meets the network.

Bytes from a backend become deltas, pass the filters, and leave as batches of stream events.  A batch contains what one
read returned.  Nothing more is read until the client has taken it: that is the back-pressure.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from msgspec.structs import replace

from anyclaude.errors import AnyclaudeError, BackendError, BackendRejected, BackendTimeout, BackendTruncated
from anyclaude.filters import (
    CallNote,
    EndlessReply,
    FilterChain,
    FilterContext,
    FilterFactory,
    RejectedCall,
    chain_for,
    endless_arguments,
    ignore,
    ignore_end,
    keep,
)
from anyclaude.protocol.deltas import Delta
from anyclaude.protocol.events import StreamEvent
from anyclaude.protocol.message_stream import MessageStream
from anyclaude.protocol.splice import Diverged
from anyclaude.scheduling.dispatch import Dispatcher, OpenReply
from anyclaude.scheduling.progress import Progress
from anyclaude.scheduling.upstream import PreparedRequest

from .resume import ReplyTranscript, continuation_of
from .second_try import against_repetition, can_be_constrained, constrained, replacement, usage_of_both


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
        self._dispatcher = dispatcher
        self._progress = progress
        self._stream = stream
        self._filters = filters
        self._note = note
        self._note_end = note_end
        self._is_ended = False  # by a filter
        self._is_discarded = False  # because nothing of it was delivered before it repeated itself
        self._rejected: RejectedCall | None = None

    async def batches(self, opened: OpenReply) -> AsyncGenerator[list[StreamEvent], None]:
        """
        Yield the events of the reply after the message start, including the end, and close `opened`.

        Raises `BackendError` if the backend fails; the events yielded until then are valid, and do not end the message.
        """
        transcript = ReplyTranscript()
        try:
            chain = chain_for(self._filter_context(opened.request), self._filters)
            async with aclosing(self._deltas(opened)) as batches:
                async for deltas in batches:
                    transcript.add(deltas)
                    yield self._feed(deltas, chain)
            if opened.turn is not None:
                opened.turn.expects_followup = self._stream.stop_reason == "tool_use"
        except (BackendTimeout, BackendTruncated) as broken:
            await opened.aclose()
            async with aclosing(self._rest(opened, transcript, broken)) as batches:
                async for deltas in batches:
                    yield self._feed(deltas, chain)
        finally:
            await opened.aclose()
        if self._is_discarded:
            prepared = against_repetition(opened.request)
            chain = chain_for(self._filter_context(prepared), self._filters)
            async with aclosing(self._instead(prepared)) as batches:
                async for deltas in batches:
                    yield self._feed(deltas, chain)
        self._require_whole_prompt(opened)
        ending = self._stream.feed(chain.finish()) if chain is not None else []
        if self._rejected is not None:
            yield ending
            ending = self._stream.feed(await self._asked_again(opened.request, self._rejected))
        yield [*ending, *self._stream.close()]

    def _filter_context(self, request: PreparedRequest) -> FilterContext:
        profile = replace(request.upstream.backend.target.profile, opens_thinking=request.opens_thinking)
        tools = () if request.enforced == "format" else request.source.request.tools  # what looks like a call is none
        is_forced = request.enforced == "call"
        hand_over = self._take_over if can_be_constrained(request) else keep
        return FilterContext(tools, profile, request.model, is_forced, self._note, self._end, self._discard, hand_over)

    def _end(self, reply: EndlessReply) -> None:
        """Read no more of a reply that a filter has ended."""
        self._is_ended = True
        self._note_end(reply)

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
        was_cut = self._stream.stop_reason in {None, "max_tokens"}
        reply = [] if was_cut else await self._constrained_reply(prepared, call.tool)
        usage = usage_of_both(self._stream.reported, reply)
        valid = replacement(call, reply, prepared.source.request.tools)
        if valid is None:
            self._note(CallNote("invalid", call.tool, call.problem))
            return [usage, *call.deltas]
        self._note(CallNote("constrained", call.tool, call.problem, call.arguments, valid.arguments))
        return [usage, valid]

    async def _constrained_reply(self, prepared: PreparedRequest, tool: str) -> list[Delta]:
        """Return the whole reply to the second request, nothing if it fails: the client did not send that request."""
        request = constrained(prepared, tool)
        chain = chain_for(self._filter_context(request), (endless_arguments,))
        assert chain is not None  # the tool was offered
        try:
            again = await self._dispatcher.reopen(request, self._progress)
        except AnyclaudeError:
            return []
        try:
            deltas = [*chain.feed(again.first_deltas)]
            while not (again.reader.is_over or self._is_ended):
                deltas += chain.feed(await again.reader.read(self._dispatcher.timeouts.stall_seconds))
            if again.turn is not None:
                again.turn.expects_followup = True
        except BackendError:
            return []
        finally:
            await again.aclose()
        return deltas

    def _feed(self, deltas: list[Delta], chain: FilterChain | None) -> list[StreamEvent]:
        return self._stream.feed(deltas if chain is None else chain.feed(deltas))

    def _require_whole_prompt(self, opened: OpenReply) -> None:
        """Raise `PromptTooLong` if the server has truncated the prompt that this reply answers."""
        source, tokens = opened.request.source, self._stream.reported.input_tokens
        if tokens is not None and self._stream.is_finished and not self._progress.continuations:
            upstream = opened.request.upstream
            limit = upstream.backend.target.context_tokens
            upstream.window.record_count(source.conversation, source.request, source.characters, tokens, limit)

    async def _deltas(self, opened: OpenReply) -> AsyncGenerator[list[Delta], None]:
        """Yield the backend's deltas until the reply is over or ended, or until it is finished and no more arrive."""
        yield opened.first_deltas
        timeouts, stream, reader = self._dispatcher.timeouts, self._stream, opened.reader
        try:
            while not (reader.is_over or self._is_ended):
                yield await reader.read(timeouts.finish_seconds if stream.is_finished else timeouts.stall_seconds)
        except (BackendTimeout, BackendTruncated):
            if not stream.is_finished:  # otherwise only the last usage figures are missing
                raise

    async def _rest(
        self, opened: OpenReply, transcript: ReplyTranscript, broken: BackendError
    ) -> AsyncGenerator[list[Delta], None]:
        """Request the rest of a reply from the same upstream, and yield the deltas that provably continue it."""
        received = transcript.deltas()
        if received is None:
            raise broken
        request = opened.request
        continuation = continuation_of(request.source.request, received, request.upstream.backend.target.profile)
        prepared = request.upstream.prepare(replace(request.source, request=continuation.request))
        try:
            async with aclosing(self._second_attempt(prepared)) as batches:
                async for deltas in batches:
                    yield continuation.splice.feed(deltas)
        except Diverged as error:
            raise BackendTruncated(f"{broken}; a second attempt did not continue it") from error
        except BackendRejected as error:  # must not reach the client, which did not send this request
            raise BackendTruncated(f"{broken}; a second attempt was refused: {error}") from error

    async def _instead(self, prepared: PreparedRequest) -> AsyncGenerator[list[Delta], None]:
        """Yield the deltas of a reply that takes the place of a discarded one."""
        self._is_ended = False
        try:
            async with aclosing(self._second_attempt(prepared)) as batches:
                async for deltas in batches:
                    yield deltas
        except BackendRejected as error:  # must not reach the client, which did not send this request
            raise BackendTruncated(f"the model repeated itself; a second attempt was refused: {error}") from error

    async def _second_attempt(self, prepared: PreparedRequest) -> AsyncGenerator[list[Delta], None]:
        """Yield the deltas of the reply to a second request."""
        again = await self._dispatcher.reopen(prepared, self._progress)
        try:
            async with aclosing(self._deltas(again)) as batches:
                async for deltas in batches:
                    yield deltas
        finally:
            await again.aclose()
