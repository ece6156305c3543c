"""
One message request from its bytes to the events of its reply.

    body → decoded request → caller → prepared prompt → encoded request → pending reply → reply stream

The gateway replies itself, and sends nothing, where a turn's calls repeat themselves, and where all that is asked of
the model is to use a tool of Anthropic's servers.
"""

from collections.abc import AsyncGenerator, Callable, Hashable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from anyclaude.errors import AnyclaudeError, ThreadsUnsupported
from anyclaude.filters import FilterFactory, ServerCalls
from anyclaude.memory_budget import MemoryBudget, Reservation
from anyclaude.protocol.caching_decoder import CachingDecoder
from anyclaude.protocol.citable_sources import CitableSource, citable_sources
from anyclaude.protocol.deltas import Finished, TextDelta
from anyclaude.protocol.detached_data import RequestBody
from anyclaude.protocol.events import Diagnostics, StreamEvent
from anyclaude.protocol.json_bounds import check_bounds
from anyclaude.protocol.memory_size import memory_size
from anyclaude.protocol.message_stream import MessageStream
from anyclaude.protocol.messages_request import MessagesRequest
from anyclaude.protocol.prefill import check_prefill, is_prefill
from anyclaude.protocol.request_checks import check_request
from anyclaude.scheduling.dispatch import Dispatcher, OpenReply
from anyclaude.scheduling.progress import Progress
from anyclaude.scheduling.upstream import BackendRequest, PreparedRequest
from anyclaude.transforms import PreparedPrompt
from anyclaude.transforms.repeated_calls import ending, measure_for, recorded
from anyclaude.web.access import NO_WEB, WebAccess
from anyclaude.worker_threads import RequestWorkers

from .attachments import AttachmentReader, has_unread_attachments, read_attachments
from .caller import Caller
from .exchange_log import ExchangeLog
from .own_reply import OwnReply, ReplyPart
from .pending_replies import PendingReplies, PendingReply
from .prompt_pipeline import PromptPipeline
from .recognition import recognise
from .reply_stream import ReplyStream
from .server_tools import unavailable_tools_reply
from .token_calibration import TokenCalibration
from .tool_rounds import ToolRounds, names_of_run_tools, query_to_begin_with
from .tool_runs import ToolRuns

LARGE_BODY_BYTES = 1024 * 1024
"""A body from which on the decoded request is measured, at a millisecond for each megabyte of ordinary text; the
conversations of a model with a window of 200,000 tokens have 0.8 MB."""

Diagnose: TypeAlias = Callable[[str, PreparedRequest], Diagnostics | None]
"""Returns the cache diagnostics for the reply with this message id; called if the request asks for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageExchanges:
    """What all message exchanges of one gateway share."""

    dispatcher: Dispatcher
    pipeline: PromptPipeline
    pending_replies: PendingReplies
    decoder: CachingDecoder
    diagnose: Diagnose
    calibration: TokenCalibration
    new_id: Callable[[str], str]
    """Returns a unique identifier with the given prefix."""
    filters: Sequence[FilterFactory] = ()
    workers: RequestWorkers = field(default_factory=RequestWorkers)
    budget: MemoryBudget = field(default_factory=MemoryBudget)
    attachment_readers: Sequence[AttachmentReader] = ()
    web: WebAccess = NO_WEB

    async def begin(
        self, body: RequestBody, log: ExchangeLog, held: Reservation, client: str = ""
    ) -> "MessageExchange | OwnReply":
        """
        Decode, prepare and encode a request, and start to open its reply or re-attach to it, or reply in its place.

        In `held`, what is sent takes the place of the body.  Clients share the threads that prepare requests.

        Raises:
            ThreadsUnsupported: when the request continues a conversation that the server was to keep.
            InvalidRequest: when the body does not fit the Messages API.
            RequestTooLarge: when it consists of more than any conversation.
            MemoryExhausted: when other requests fill the memory.
            WorkersBusy: when too many wait to be prepared.
        """
        planned = await self.workers.run(body.size, lambda: self._decoded(body, log), client)
        if isinstance(planned, Received):
            request = await read_attachments(self.attachment_readers, planned.request)
            log.note_documents(request)
            received = replace(planned, request=request)
            planned = await self.workers.run(body.size, lambda: self._planned(body, received, log), client)
        self.pipeline.remember(planned.prompt, log.caller.conversation)
        self.budget.enforce()
        held.grow(planned.bytes)
        held.shrink(body.size)
        if not isinstance(planned.answer, PreparedRequest):
            return OwnReply(planned.prompt.request, planned.answer, planned.stream, log)
        prepared, rounds = planned.answer, planned.rounds
        query = None if rounds is None else query_to_begin_with(rounds.received, prepared.profile, rounds.names)
        if rounds is None or query is None:
            pending = self._pending(_repeat_key(log.caller, prepared), prepared, log)
        else:
            pending = self._pending_after_search(rounds, query, prepared, log)
        return MessageExchange(self, prepared, pending, planned, log, held)

    def _decoded(self, body: RequestBody, log: ExchangeLog) -> "Received | PlannedReply":
        """Return how to reply to a request, or the request if something in it must be read first, which takes time."""
        json, data = body.detached()
        check_bounds(json)
        request = replace(self.decoder.decode(json), detached=data)
        caller = recognise(log.caller, request)
        log.received(request, caller)
        check_request(request, is_claude_code=caller.is_claude_code, interleaves_thinking=caller.interleaves_thinking)
        check_prefill(request)
        if "thread" in request.extra:
            raise ThreadsUnsupported("thread: the gateway does not keep conversations; send the whole conversation")
        received = Received(request, caller)
        if has_unread_attachments(self.attachment_readers, request):
            return received
        return self._planned(body, received, log)

    def _planned(self, body: RequestBody, received: "Received", log: ExchangeLog) -> "PlannedReply":
        """Return how to reply to a request; it may run in a thread, so `begin` records what later requests need."""
        request, caller = received.request, received.caller
        prompt = self.pipeline.prepare(request, caller.conversation)
        log.prepared(prompt)
        message_id = self.new_id("msg")
        if (text := self._ending(request, log)) is not None:
            return PlannedReply(prompt, self._stream(message_id, prompt), (TextDelta(text),))
        if (parts := unavailable_tools_reply(request, self.new_id, self.pipeline.server_tools)) is not None:
            return PlannedReply(prompt, self._stream(message_id, prompt), parts)
        prepared = self.dispatcher.prepare(_backend_request(prompt, caller))
        diagnostics = self.diagnose(message_id, prepared) if prompt.request.diagnostics is not None else None
        stream = self._stream(message_id, prompt, diagnostics, self.calibration.estimate(prepared).tokens)
        rounds = self._rounds(received, prompt, stream, log)
        sources = citable_sources(request)
        return PlannedReply(prompt, stream, prepared, request_bytes(body.size, prepared), rounds, sources)

    def _rounds(
        self, received: "Received", prompt: PreparedPrompt, stream: MessageStream, log: ExchangeLog
    ) -> ToolRounds | None:
        """Return the rounds of a reply that may search or fetch, `None` for every other."""
        request, pipeline = received.request, self.pipeline
        names = names_of_run_tools(request, prompt.request, pipeline.server_tools)
        if not names or is_prefill(request):  # without a reply, nothing is searched
            return None
        conversation = received.caller.conversation
        return ToolRounds(
            request,
            names,
            ToolRuns(self.web, request, log.note_tool_run, self.new_id, pipeline.context_tokens),
            stream,
            lambda request, calls: pipeline.prepare(request, conversation, calls),
            self.workers,
        )

    def _ending(self, request: MessagesRequest, log: ExchangeLog) -> str | None:
        """Return the text with which the gateway ends the turn, `None` if the model is to reply."""
        limit = self.pipeline.repeated_calls
        repetition = self.pipeline.repetition(request)
        measure = measure_for(repetition, limit) if repetition else None
        if repetition is None or measure is None:
            return None
        log.note_repeated_calls(recorded(repetition, measure))
        return ending(repetition, limit) if measure == "ended" else None

    def _stream(
        self,
        message_id: str,
        prompt: PreparedPrompt,
        diagnostics: Diagnostics | None = None,
        estimated_tokens: int | None = None,
    ) -> MessageStream:
        return MessageStream(
            message_id,
            prompt.request.model,
            lambda: self.new_id("toolu"),
            diagnostics,
            estimated_input_tokens=estimated_tokens,
            context_management=prompt.context_management,
        )

    def _pending_after_search(
        self, rounds: ToolRounds, query: str, prepared: PreparedRequest, log: ExchangeLog
    ) -> PendingReply:
        """Begin with a search; what came of it belongs to this exchange, so no other re-attaches."""
        progress = Progress()
        log.follow(progress)

        async def open_after_search() -> OpenReply:
            await rounds.search_first(query)
            return await self.dispatcher.open(await rounds.next_request(prepared), progress)

        return self.pending_replies.begin(open_after_search(), progress)

    def _pending(self, key: Hashable | None, prepared: PreparedRequest, log: ExchangeLog) -> PendingReply:
        pending = self.pending_replies.reattach(key)
        if pending is not None:
            log.follow(pending.progress, was_reattached=True)
            return pending
        progress = Progress()
        log.follow(progress)
        return self.pending_replies.begin(self.dispatcher.open(prepared, progress), progress)


class Received(Struct, frozen=True):
    """A decoded request, and who sent it."""

    request: MessagesRequest
    caller: Caller


@dataclass(frozen=True, slots=True)
class PlannedReply:
    """How to reply to a request: by what is sent to a server, or by parts of a reply of the gateway's own."""

    prompt: PreparedPrompt
    stream: MessageStream
    answer: PreparedRequest | Sequence[ReplyPart]
    bytes: int = 0
    """What the request takes that is sent, besides its body."""
    rounds: ToolRounds | None = None
    """For a reply that may search or fetch."""
    sources: tuple[CitableSource, ...] = ()
    """What the reply may cite, besides what it finds."""


class MessageExchange:
    """One request whose reply is pending or streaming; always call `close`."""

    def __init__(
        self,
        shared: MessageExchanges,
        prepared: PreparedRequest,
        pending: PendingReply,
        planned: PlannedReply,
        log: ExchangeLog,
        held: Reservation,
    ) -> None:
        self.request = prepared.source.request
        """The request as prepared."""
        self._shared = shared
        self._key = _repeat_key(log.caller, prepared)
        self._rounds = planned.rounds
        self._sources = planned.sources
        self._pending = pending
        self._stream = planned.stream
        self._log = log
        self._held = held

    @property
    def has_estimated_input(self) -> bool:
        """Whether the client's count of input tokens is an estimate, as long as the engine has not counted them."""
        return self._stream.has_estimated_input

    @property
    def model(self) -> str | None:
        """The server's name of the model that was asked, `None` before one was."""
        sent = self._pending.progress.sent
        return None if sent is None else sent.model

    @property
    def holds_up_others(self) -> bool:
        """Whether other requests wait for the server that is replying."""
        sent = self._pending.progress.sent
        return sent is not None and sent.upstream.admission.waiting > 0

    async def wait_begun(self, within_seconds: float) -> None:
        """Wait for the first delta, at most `within_seconds`; raise the error if the reply has failed."""
        await self._pending.wait_begun(within_seconds)

    async def batches(self) -> AsyncGenerator[list[StreamEvent], None]:
        """
        Yield the events of the message: its start at once, together with the first deltas if they have arrived.

        Raises `AnyclaudeError` if the reply fails; `fail` then returns the events that end the message.
        """
        events = self._stream.open()
        if self._rounds is not None:
            self._rounds.watch(events)
        if not self._pending.has_begun:
            yield events
            events = []
        opened = await self._pending.take()
        self._log.reply_began()
        replies = self._reply(opened) if self._rounds is None else self._replies(opened, self._rounds)
        async with aclosing(replies) as batches:
            async for batch in batches:
                if self._stream.is_ended:
                    self._log.ending()
                yield [*events, *batch] if events else batch
                events = []

    def _reply(self, opened: OpenReply) -> AsyncGenerator[list[StreamEvent], None]:
        """Return the batches of events of one reply."""
        return self._reply_stream(frozenset(), self._sources).batches(opened, self._held)

    async def _replies(self, opened: OpenReply, rounds: ToolRounds) -> AsyncGenerator[list[StreamEvent], None]:
        """Yield the batches of a reply, and of those that continue it with what was found."""
        events = rounds.first_events()
        rounds.watch(events)
        while True:
            reply = self._reply_stream(rounds.names, citable_sources(rounds.conversation))
            async with aclosing(reply.batches(opened, self._held)) as batches:
                async for batch in batches:
                    rounds.watch(batch)
                    yield [*events, *batch] if events else batch
                    events = []
            calls = reply.server_calls
            if not calls.calls:
                return
            async with aclosing(rounds.run(calls.calls)) as batches:
                async for batch in batches:
                    rounds.watch(batch)
                    yield batch
            if calls.has_client_calls or rounds.are_used_up:
                ending = Finished("tool_use" if calls.has_client_calls else "pause_turn")
                yield [*self._stream.feed((ending,)), *self._stream.close()]
                return
            opened = await rounds.reopen(opened.request, self._shared.dispatcher, self._pending.progress, self._held)

    def _reply_stream(self, server_tools: frozenset[str], sources: tuple[CitableSource, ...]) -> ReplyStream:
        reply = ReplyStream(
            self._shared.dispatcher,
            self._pending.progress,
            self._stream,
            self._shared.filters,
            self._log.note_call,
            self._log.note_endless_reply,
        )
        reply.server_calls = ServerCalls(server_tools)
        reply.sources = sources
        return reply

    def fail(self, error: AnyclaudeError) -> list[StreamEvent]:
        """Return the events that end a message whose reply failed."""
        return self._stream.fail(error)

    def close(self) -> None:
        """Record the reply as far as it has come; one that is still pending is kept for the client to re-attach."""
        if not self._pending.is_taken:
            self._shared.pending_replies.detach(self._key, self._pending)
        self._log.reply_ended(self._stream)


def _backend_request(prompt: PreparedPrompt, caller: Caller) -> BackendRequest:
    return BackendRequest(
        prompt.request,
        caller.conversation,
        characters=prompt.characters,
        session=caller.group,
        priority=caller.priority,
        reply_share=caller.reply_share,
    )


def _repeat_key(caller: Caller, prepared: PreparedRequest) -> Hashable | None:
    """Return the key that a repetition of this request shares with it; `None` without a session to recognise it by."""
    return None if caller.session is None else _RepeatKey(prepared)


class _RepeatKey:
    """
    What a request and its repetition have in common: conversation and prompt.

    The prompts are compared, and not kept a second time as the bytes that the client sent.
    """

    def __init__(self, prepared: PreparedRequest) -> None:
        self._source = prepared.source
        self._hash = hash((prepared.source.conversation, len(prepared.wire.body)))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _RepeatKey) and self._source == other._source


def request_bytes(body_bytes: int, prepared: PreparedRequest) -> int:
    """
    Return what a request takes besides its body: decoded, and encoded for the server.

    Of a small body most parts are cached, and counted there.
    """
    decoded = 2 * body_bytes if body_bytes < LARGE_BODY_BYTES else memory_size(prepared.source.request)
    return decoded + len(prepared.wire.body)
