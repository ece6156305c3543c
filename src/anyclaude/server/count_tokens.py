"""`POST /v1/messages/count_tokens`: the engine's own count if it has a route for that, else an estimate."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

from aiohttp import web
from msgspec import Struct
from msgspec.structs import replace

from anyclaude.exchange import recognise
from anyclaude.exchange.attachments import read_attachments
from anyclaude.exchange.message_exchange import request_bytes
from anyclaude.protocol.detached_data import RequestBody
from anyclaude.protocol.json_bounds import check_bounds
from anyclaude.protocol.json_values import JsonValue
from anyclaude.protocol.messages_request import MessagesRequest, decode_request
from anyclaude.protocol.request_checks import check_request
from anyclaude.scheduling import BackendRequest, PreparedRequest

from .requests import RequestContext
from .responses import value_response

COUNTED_BY_HEADER = "anyclaude-counted-by"
"""A `Source`: the Anthropic shape has no field for it, and an estimate must not be taken for a count."""

Source: TypeAlias = Literal["engine", "calibrated", "estimate"]
"""`engine`: its tokenizer has counted this prompt.  `calibrated`: an estimate by the counts that the model has reported
for other prompts.  `estimate`: one by a constant."""


class Count(Struct, frozen=True):
    """The tokens of a prompt, and the source of the number."""

    tokens: int
    source: Source


class CountedPrompt(Struct, frozen=True):
    """A prompt whose tokens are counted, and what they are without an engine's count."""

    prepared: PreparedRequest
    estimate: Count


async def count_tokens(context: RequestContext) -> web.Response:
    """Answer with the number of tokens in the prompt, as the model would receive it.  Raises `RequestError`."""
    prompts, size = await _prepared(context, await context.body())
    body_bytes = context.held.bytes
    context.held.grow(size)
    context.held.shrink(body_bytes)
    return await _answer(context, prompts)


async def _prepared(context: RequestContext, body: RequestBody) -> tuple[Sequence[CountedPrompt], int]:
    """Return the prompts that are counted, and the bytes they take; the body is not kept until the engine answers."""
    workers, readers = context.services.workers, context.services.exchanges.attachment_readers
    request = await workers.run(body.size, lambda: _decoded(context, body), context.client)
    request = await read_attachments(readers, request)

    def prepare() -> tuple[Sequence[CountedPrompt], int]:
        prompts = _prompts(context, request)
        return prompts, sum(request_bytes(body.size, prompt.prepared) for prompt in prompts)

    return await workers.run(body.size, prepare, context.client)


async def _answer(context: RequestContext, prompts: Sequence[CountedPrompt]) -> web.Response:
    count = await _count(context, prompts[0])
    answer: dict[str, JsonValue] = {"input_tokens": count.tokens}
    for uncleared in prompts[1:]:
        original = await _count(context, uncleared)
        answer["context_management"] = {"original_input_tokens": original.tokens}
    response = value_response(answer, context.request_id)
    response.headers[COUNTED_BY_HEADER] = count.source
    context.log.answered(response.status)
    return response


def _decoded(context: RequestContext, body: RequestBody) -> MessagesRequest:
    """Return the request; its attachments are not read yet."""
    json, data = body.detached()
    check_bounds(json)
    request = replace(decode_request(json, max_tokens=1), detached=data)
    # Without `max_tokens` there is nothing that a thinking budget could exceed.
    check_request(request, is_claude_code=context.caller.is_claude_code, interleaves_thinking=True)
    return request


def _prompts(context: RequestContext, request: MessagesRequest) -> Sequence[CountedPrompt]:
    """Return the prompt, and the one without the edits of its context if the client asks for some."""
    conversation = recognise(context.caller, request).conversation
    pipeline, upstream = context.services.pipeline, context.services.upstreams[0]
    prompt = pipeline.prepare(request, conversation)
    context.log.prepared(replace(prompt, steps=()))  # the steps are recorded with the message itself
    prompts = [prompt]
    if prompt.context_management is not None:
        prompts.append(pipeline.prepare(replace(request, context_management=None), conversation))
    prepared = [upstream.prepare(BackendRequest(prompt.request, conversation)) for prompt in prompts]
    return [CountedPrompt(each, _estimate(context, each)) for each in prepared]


def _estimate(context: RequestContext, prepared: PreparedRequest) -> Count:
    estimate = context.services.calibration.estimate(prepared)
    return Count(estimate.tokens, "calibrated" if estimate.is_calibrated else "estimate")


async def _count(context: RequestContext, prompt: CountedPrompt) -> Count:
    counted = await context.services.token_counter.count(prompt.prepared)
    return prompt.estimate if counted is None else Count(counted, "engine")
