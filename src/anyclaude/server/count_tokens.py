"""`POST /v1/messages/count_tokens`: by the engine's tokenizer if it has a route for that, else an estimate."""

from aiohttp import web

from anyclaude.errors import InvalidRequest
from anyclaude.protocol.json_values import JsonError, decode_json
from anyclaude.protocol.messages_request import request_from
from anyclaude.protocol.prompt_size import estimated_tokens, section_characters
from anyclaude.scheduling import BackendRequest, count_prompt_tokens
from anyclaude.transforms import PreparedPrompt

from .requests import RequestContext
from .responses import value_response
from .services import Services

COUNTED_BY_HEADER = "anyclaude-counted-by"
"""`engine` or `estimate`: the Anthropic shape has no field for it, and an estimate must not pass for a count."""


async def count_tokens(context: RequestContext, services: Services) -> web.Response:
    """
    Answer one request for a count, of the prompt as a model would get it.

    Raises:
        InvalidRequest: when the body is not valid JSON, or does not fit the Messages API.
    """
    try:
        raw = decode_json(await context.body())
    except JsonError as error:
        raise InvalidRequest(f"the request body is not valid JSON: {error}") from error
    conversation = context.caller.conversation
    prompt = services.pipeline.prepare(request_from(raw, max_tokens=1), conversation)
    context.log.prepared(PreparedPrompt(prompt.request))  # the steps are recorded with the message itself
    upstream = services.upstreams[0]
    prepared = upstream.prepare(BackendRequest(prompt.request, conversation))
    counted = await count_prompt_tokens(prepared.wire, upstream.backend, upstream.tokenizer)
    tokens = estimated_tokens(section_characters(prompt.request)) if counted is None else counted
    response = value_response({"input_tokens": tokens}, context.request_id)
    response.headers[COUNTED_BY_HEADER] = "estimate" if counted is None else "engine"
    context.log.answered(response.status)
    return response
