"""`POST /v1/messages`: the reply as a stream, or folded into one message."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import TypeAlias
from urllib.parse import quote

from aiohttp import web

from anyclaude.errors import AnyclaudeError, ReaderStopped
from anyclaude.exchange import MessageExchange, OwnReply
from anyclaude.protocol.accumulate import Accumulator
from anyclaude.protocol.events import StreamEvent, encode_message
from anyclaude.protocol.prefill import is_prefill, prefilled
from anyclaude.secret import masked

from .event_writer import EventWriter, recovers_by_retrying
from .requests import RequestContext
from .responses import json_response

INPUT_TOKENS_HEADER = "anyclaude-input-tokens"
"""`estimate` if the count of input tokens that the response begins with is one, and in a whole message if it is still
the only one: the Anthropic shape has no field for it, and an estimate must not be taken for a count."""

MODEL_HEADER = "anyclaude-model"
"""The server's name of the model that answers, percent-encoded where a header cannot carry it: the reply repeats the
name in the request, which may mean another model."""

PLAIN = "/:@+,=()[]! "

Exchange: TypeAlias = MessageExchange | OwnReply
"""What answers a request: the model, or the gateway in its place."""


async def create_message(context: RequestContext) -> web.StreamResponse:
    """Answer with the model's reply.  Raises `AnyclaudeError`, but only before the response has begun."""
    exchange = await context.services.exchanges.begin(await context.body(), context.log, context.held, context.client)
    try:
        async with aclosing(exchange.batches()) as batches:
            if exchange.request.stream:
                return await _stream(context, exchange, batches)
            async with context.services.stopping.cuttable():
                return await _whole(context, exchange, batches)
    finally:
        exchange.close()


async def _stream(
    context: RequestContext, exchange: Exchange, batches: AsyncGenerator[list[StreamEvent], None]
) -> web.StreamResponse:
    timing, stopping = context.services.timing, context.services.stopping
    async with stopping.cuttable():
        await exchange.wait_begun(timing.commit_seconds)

    def stopped_reading(seconds: float) -> bool:
        if not exchange.holds_up_others:
            return False
        context.log.failed(ReaderStopped(f"the client had read nothing for {seconds:.0f} s, while others waited"))
        return True

    writer = EventWriter(context.http, context.request_id, timing, _label(exchange), stopped_reading)
    try:
        await writer.begin()
        context.log.answered(200)
        async with stopping.cuttable():
            async for events in batches:
                await writer.write(events)
        return await writer.end()
    except AnyclaudeError as error:
        context.log.failed(error)
        if context.caller.is_claude_code and recovers_by_retrying(error):
            return writer.reset()
        return await writer.fail(exchange.fail(error))
    finally:
        writer.stop()


async def _whole(
    context: RequestContext, exchange: Exchange, batches: AsyncGenerator[list[StreamEvent], None]
) -> web.StreamResponse:
    accumulator = Accumulator()
    async for events in batches:
        accumulator.take(events)
    message = accumulator.message
    context.log.answered(200)
    if is_prefill(exchange.request):
        message = prefilled(message)
    response = json_response(encode_message(message), context.request_id)
    response.headers.update(_label(exchange))
    return response


def _label(exchange: Exchange) -> Mapping[str, str]:
    """Return the headers for what the Anthropic shape has no field for, as far as it is known."""
    model = {} if exchange.model is None else {MODEL_HEADER: quote(masked(exchange.model), safe=PLAIN)}
    return {**model, INPUT_TOKENS_HEADER: "estimate"} if exchange.has_estimated_input else model
