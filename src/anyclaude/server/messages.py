"""`POST /v1/messages`: the reply as a stream, or folded into one message."""

from collections.abc import AsyncGenerator, Callable, Hashable
from contextlib import aclosing
from dataclasses import replace

from aiohttp import web

from anyclaude.cache_report.analyser import CacheAnalyser, CompletedReply
from anyclaude.cache_report.diagnostics import CacheDiagnostics
from anyclaude.errors import AnyclaudeError, ThreadsUnsupported
from anyclaude.exchange.exchange_log import ExchangeLog
from anyclaude.exchange.pending_replies import PendingReplies, PendingReply
from anyclaude.exchange.prompt_pipeline import Preparation
from anyclaude.exchange.recognition import recognised
from anyclaude.exchange.reply_stream import Exchange
from anyclaude.protocol.accumulate import Accumulator
from anyclaude.protocol.caching_decoder import CachingDecoder
from anyclaude.protocol.events import StreamEvent, encode_message
from anyclaude.protocol.message_stream import MessageStream
from anyclaude.protocol.messages_request import MessagesRequest
from anyclaude.protocol.prefill import check_prefill, is_prefill, prefilled
from anyclaude.protocol.prompt_size import prompt_characters
from anyclaude.scheduling.dispatch import BackendRequest, Dispatcher, Progress

from .event_writer import EventWriter, StreamTiming
from .requests import RequestContext
from .responses import json_response


class MessagesHandler:
    """Answers message requests from the backends a dispatcher knows."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        openings: PendingReplies,
        preparation: Preparation,
        timing: StreamTiming,
        new_id: Callable[[str], str],
        analyser: CacheAnalyser | None = None,
    ) -> None:
        """`examiner` looks at each prompt whose reply has ended."""
        self._dispatcher = dispatcher
        self._preparation = preparation
        self._pending_replies = openings
        self._timing = timing
        self._new_id = new_id
        self._reader = CachingDecoder()
        self._analyser = analyser
        self._diagnostics = CacheDiagnostics()

    async def __call__(self, context: RequestContext) -> web.StreamResponse:
        """CompletedReply one request; raises `AnyclaudeError` as long as nothing has been sent."""
        body = await context.body()
        request = self._reader.decode(body)
        context.log.asked = context.log.request = request
        context = replace(context, caller=recognised(context.caller, request))
        context.log.caller = context.caller
        check_prefill(request)
        if "thread" in request.extra:
            raise ThreadsUnsupported("thread: the gateway keeps no conversations; send the whole of this one instead")
        key = _repeat_key(context, body)
        prepared = self._prepared(context, request)
        backend_request = BackendRequest(
            prepared,
            context.caller.conversation,
            characters=prompt_characters(prepared),
            session=context.caller.group,
            priority=context.caller.priority,
        )
        stream = self._message(context, backend_request)
        adopted = self._pending_replies.adopt(key)
        opening = adopted or self._open(backend_request)
        context.log.progress, context.log.was_reattached = opening.progress, adopted is not None
        exchange = Exchange(self._dispatcher, backend_request, opening.progress, stream)
        answer = self._stream if request.stream else self._whole
        try:
            async with aclosing(self._batches(context.log, opening, stream, exchange)) as batches:
                return await answer(context, opening, batches)
        finally:
            if not opening.is_taken:
                self._pending_replies.leave(key, opening)
            context.log.reply_ended(stream)
            self._preparation.memory.record_tool_calls(stream.raw_arguments)
            if opening.is_taken:
                self._examine(context.log)

    def _prepared(self, context: RequestContext, request: MessagesRequest) -> MessagesRequest:
        """Return the request as the backend shall have it."""
        conversation = context.caller.conversation
        prepared = self._preparation.prepared(request, conversation)
        context.log.request, context.log.steps = prepared.request, prepared.steps
        self._preparation.memory.record_tool_order(conversation, prepared.request)
        return prepared.request

    def _message(self, context: RequestContext, backend_request: BackendRequest) -> MessageStream:
        """Return the reply to come; it begins with what is told about the cache, if that was asked."""
        message_id, wish = self._new_id("msg"), backend_request.request.diagnostics
        context.log.message_id = message_id
        diagnostics = None
        if wish is not None:
            prompt = self._dispatcher.predicted_prompt(backend_request)
            diagnostics = self._diagnostics.compared(message_id, prompt, wish.previous_message_id)
        return MessageStream(message_id, backend_request.request.model, lambda: self._new_id("toolu"), diagnostics)

    def _examine(self, log: ExchangeLog) -> None:
        progress, message_id = log.progress, log.message_id
        if self._analyser is None or progress.sent is None or progress.route is None or message_id is None:
            return
        self._analyser.reply_ended(
            CompletedReply(
                request_id=log.request_id,
                message_id=message_id,
                caller=log.caller,
                route=progress.route,
                sent=progress.sent,
                reported=log.reported,
            )
        )

    def _open(self, backend_request: BackendRequest) -> PendingReply:
        progress = Progress()
        return self._pending_replies.begin(self._dispatcher.open(backend_request, progress), progress)

    async def _batches(
        self, log: ExchangeLog, opening: PendingReply, stream: MessageStream, exchange: Exchange
    ) -> AsyncGenerator[list[StreamEvent], None]:
        """Yield the beginning of the message at once, with the first words if they are there, and then what comes."""
        beginning = stream.open()
        if not opening.has_begun:
            yield beginning
            beginning = []
        opened = await opening.take()
        log.reply_began()
        async with aclosing(exchange.batches(opened)) as batches:
            async for events in batches:
                yield [*beginning, *events] if beginning else events
                beginning = []

    async def _stream(
        self, context: RequestContext, opening: PendingReply, batches: AsyncGenerator[list[StreamEvent], None]
    ) -> web.StreamResponse:
        await opening.begun(self._timing.commit_seconds)
        writer = EventWriter(context.http, context.request_id, self._timing.ping_seconds)
        try:
            await writer.begin()
            context.log.status = 200
            async for events in batches:
                await writer.write(events)
            return await writer.end()
        except AnyclaudeError as error:
            context.log.error = error
            return await writer.break_off(error, context.caller.is_claude_code)
        finally:
            writer.stop()

    async def _whole(
        self, context: RequestContext, opening: PendingReply, batches: AsyncGenerator[list[StreamEvent], None]
    ) -> web.StreamResponse:
        accumulator = Accumulator()
        async for events in batches:
            accumulator.take(events)
        context.log.status = 200
        request, message = context.log.request, accumulator.message
        if request is not None and is_prefill(request):
            message = prefilled(message)
        return json_response(encode_message(message), context.request_id)


def _repeat_key(context: RequestContext, body: bytes) -> Hashable | None:
    """Return what a repetition of this request has in common with it; without a session nothing is a repetition."""
    return None if context.caller.session is None else (context.caller.conversation, body)
