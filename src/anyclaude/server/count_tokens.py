"""`POST /v1/messages/count_tokens`: the engine's own count if it has a route for that, else an estimate."""

from aiohttp import web
from msgspec.structs import replace

from anyclaude.protocol.messages_request import decode_request
from anyclaude.protocol.prompt_size import estimated_tokens, section_characters
from anyclaude.protocol.request_checks import check_request
from anyclaude.scheduling import BackendRequest, count_prompt_tokens

from .requests import RequestContext
from .responses import value_response

COUNTED_BY_HEADER = "anyclaude-counted-by"
"""`engine` or `estimate`: the Anthropic shape has no field for it, and an estimate must not be taken for a count."""


async def count_tokens(context: RequestContext) -> web.Response:
    """Answer with the number of tokens in the prompt, as the model would receive it.  Raises `RequestError`."""
    request = decode_request(await context.body(), max_tokens=1)
    # Without `max_tokens` there is nothing that a thinking budget could exceed.
    check_request(request, is_claude_code=context.caller.is_claude_code, interleaves_thinking=True)
    conversation = context.caller.conversation
    prompt = context.services.pipeline.prepare(request, conversation)
    context.log.prepared(replace(prompt, steps=()))  # the steps are recorded with the message itself
    upstream = context.services.upstreams[0]
    prepared = upstream.prepare(BackendRequest(prompt.request, conversation))
    counted = await count_prompt_tokens(prepared.wire, upstream.backend, upstream.tokenizer)
    tokens = estimated_tokens(section_characters(prompt.request)) if counted is None else counted
    response = value_response({"input_tokens": tokens}, context.request_id)
    response.headers[COUNTED_BY_HEADER] = "estimate" if counted is None else "engine"
    context.log.answered(response.status)
    return response
