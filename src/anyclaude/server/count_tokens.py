"""`POST /v1/messages/count_tokens`: from the engine's tokenizer where it has a route for that, else an estimate."""

from aiohttp import web

from anyclaude.dialects import tokenizer_for
from anyclaude.errors import InvalidRequest
from anyclaude.exchange.prompt_pipeline import Preparation
from anyclaude.protocol.json_values import JsonError, decode_json
from anyclaude.protocol.messages_request import request_from
from anyclaude.protocol.prompt_size import estimated_tokens, section_characters
from anyclaude.scheduling.dispatch import Upstream
from anyclaude.scheduling.model_choice import model_for
from anyclaude.scheduling.queue import Priority
from anyclaude.scheduling.token_count import counted_tokens

from .requests import RequestContext
from .responses import value_response

COUNTED_BY_HEADER = "anyclaude-counted-by"
"""`engine` or `estimate`: the Anthropic shape has no field for it, and a guess must not pass for a count."""


async def count_tokens(context: RequestContext, upstream: Upstream, preparation: Preparation) -> web.Response:
    """Answer one request for a count: of the prompt as a model would get it."""
    try:
        raw = decode_json(await context.body())
    except JsonError as error:
        raise InvalidRequest(f"the request body is not valid JSON: {error}") from error
    request = preparation.prepared(request_from(raw, max_tokens=1), context.caller.conversation).request
    context.log.request = request
    target = upstream.backend.target
    model = model_for(request.model, priority=Priority.MAIN, target=target)
    encoded = upstream.dialect.encode_request(request, model, target.profile).request
    counted = await counted_tokens(encoded, upstream.backend, tokenizer_for(target.profile))
    tokens = estimated_tokens(section_characters(request)) if counted is None else counted
    response = value_response({"input_tokens": tokens}, context.request_id)
    response.headers[COUNTED_BY_HEADER] = "estimate" if counted is None else "engine"
    context.log.status = response.status
    return response
