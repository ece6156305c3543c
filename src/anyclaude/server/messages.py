"""`POST /v1/messages`: the reply as a stream, or folded into one message."""

from collections.abc import AsyncGenerator, Callable, Hashable
from contextlib import aclosing
from dataclasses import replace

from aiohttp import web

from anyclaude.errors import AnyclaudeError, ThreadsUnsupported
from anyclaude.observability.records import prompt_characters
from anyclaude.protocol.accumulate import Accumulator
from anyclaude.protocol.events import StreamEvent, encode_message
from anyclaude.protocol.message_stream import MessageStream
from anyclaude.protocol.messages_request import MessagesRequest
from anyclaude.protocol.prefill import check_prefill, is_prefill, prefilled
from anyclaude.protocol.request_reader import RequestReader
from anyclaude.scheduling import Dispatcher
from anyclaude.scheduling.dispatch import Errand, Progress

from .account import Account
from .call import Call
from .diagnostics import CacheDiagnostics
from .examination import Answer, Examiner
from .exchange import Exchange
from .openings import Opening, Openings
from .preparation import Preparation
from .recognition import recognised
from .respond import json_response
from .streaming import EventWriter, Pace


class MessagesHandler:
    """Answers message requests from the backends a dispatcher knows."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        openings: Openings,
        preparation: Preparation,
        pace: Pace,
        new_id: Callable[[str], str],
        examiner: Examiner | None = None,
    ) -> None:
        """`examiner` looks at each prompt whose reply has ended."""
        self._dispatcher = dispatcher
        self._preparation = preparation
        self._openings = openings
        self._pace = pace
        self._new_id = new_id
        self._reader = RequestReader()
        self._examiner = examiner
        self._diagnostics = CacheDiagnostics()

    async def __call__(self, call: Call) -> web.StreamResponse:
        """Answer one request; raises `AnyclaudeError` as long as nothing has been sent."""
        body = await call.body()
        request = self._reader.decode(body)
        call.account.asked = call.account.request = request
        call = replace(call, caller=recognised(call.caller, request))
        call.account.caller = call.caller
        check_prefill(request)
        if "thread" in request.extra:
            raise ThreadsUnsupported("thread: the gateway keeps no conversations; send the whole of this one instead")
        key = _repeat_key(call, body)
        prepared = self._prepared(call, request)
        errand = Errand(
            prepared,
            call.caller.conversation,
            characters=prompt_characters(prepared),
            session=call.caller.group,
            priority=call.caller.priority,
        )
        stream = self._message(call, errand)
        adopted = self._openings.adopt(key)
        opening = adopted or self._open(errand)
        call.account.progress, call.account.was_adopted = opening.progress, adopted is not None
        exchange = Exchange(self._dispatcher, errand, opening.progress, stream)
        answer = self._stream if request.stream else self._whole
        try:
            async with aclosing(self._batches(call.account, opening, stream, exchange)) as batches:
                return await answer(call, opening, batches)
        finally:
            if not opening.is_taken:
                self._openings.leave(key, opening)
            call.account.reply_ended(stream)
            self._preparation.memory.heard(stream.spoken_calls)
            if opening.is_taken:
                self._examine(call.account)

    def _prepared(self, call: Call, request: MessagesRequest) -> MessagesRequest:
        """Return the request as the backend shall have it."""
        conversation = call.caller.conversation
        prepared = self._preparation.prepared(request, conversation)
        call.account.request, call.account.steps = prepared.request, prepared.steps
        self._preparation.memory.sent(conversation, prepared.request)
        return prepared.request

    def _message(self, call: Call, errand: Errand) -> MessageStream:
        """Return the reply to come; it begins with what is told about the cache, if that was asked."""
        message_id, wish = self._new_id("msg"), errand.request.diagnostics
        call.account.message_id = message_id
        diagnostics = None
        if wish is not None:
            prompt = self._dispatcher.foreseen(errand)
            diagnostics = self._diagnostics.compared(message_id, prompt, wish.previous_message_id)
        return MessageStream(message_id, errand.request.model, lambda: self._new_id("toolu"), diagnostics)

    def _examine(self, account: Account) -> None:
        progress, message_id = account.progress, account.message_id
        if self._examiner is None or progress.sent is None or progress.route is None or message_id is None:
            return
        self._examiner.reply_ended(
            Answer(
                request_id=account.request_id,
                message_id=message_id,
                caller=account.caller,
                route=progress.route,
                sent=progress.sent,
                reported=account.reported,
            )
        )

    def _open(self, errand: Errand) -> Opening:
        progress = Progress()
        return self._openings.begin(self._dispatcher.open(errand, progress), progress)

    async def _batches(
        self, account: Account, opening: Opening, stream: MessageStream, exchange: Exchange
    ) -> AsyncGenerator[list[StreamEvent], None]:
        """Yield the beginning of the message at once, with the first words if they are there, and then what comes."""
        beginning = stream.open()
        if not opening.has_begun:
            yield beginning
            beginning = []
        opened = await opening.take()
        account.reply_began()
        async with aclosing(exchange.batches(opened)) as batches:
            async for events in batches:
                yield [*beginning, *events] if beginning else events
                beginning = []

    async def _stream(
        self, call: Call, opening: Opening, batches: AsyncGenerator[list[StreamEvent], None]
    ) -> web.StreamResponse:
        await opening.begun(self._pace.commit_seconds)
        writer = EventWriter(call.http, call.request_id, self._pace.ping_seconds)
        try:
            await writer.begin()
            call.account.status = 200
            async for events in batches:
                await writer.write(events)
            return await writer.end()
        except AnyclaudeError as error:
            call.account.error = error
            return await writer.break_off(error, call.caller.is_claude_code)
        finally:
            writer.stop()

    async def _whole(
        self, call: Call, opening: Opening, batches: AsyncGenerator[list[StreamEvent], None]
    ) -> web.StreamResponse:
        accumulator = Accumulator()
        async for events in batches:
            accumulator.take(events)
        call.account.status = 200
        request, message = call.account.request, accumulator.message
        if request is not None and is_prefill(request):
            message = prefilled(message)
        return json_response(encode_message(message), call.request_id)


def _repeat_key(call: Call, body: bytes) -> Hashable | None:
    """Return what a repetition of this request has in common with it; without a session nothing is a repetition."""
    return None if call.caller.session is None else (call.caller.conversation, body)
