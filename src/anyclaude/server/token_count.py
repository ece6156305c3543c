"""`POST /v1/messages/count_tokens`: from the engine's tokenizer where it has a route for that, else an estimate."""

from aiohttp import web

from anyclaude.errors import InvalidRequest
from anyclaude.observability.records import estimated_tokens, section_characters
from anyclaude.protocol.json_values import JsonError, decode_json
from anyclaude.protocol.messages_request import request_from
from anyclaude.scheduling import Lane, Priority, model_for
from anyclaude.scheduling.token_count import counted_tokens

from .call import Call
from .preparation import Preparation
from .respond import value_response

COUNTED_BY_HEADER = "anyclaude-counted-by"
"""`engine` or `estimate`: the Anthropic shape has no field for it, and a guess must not pass for a count."""


async def count_tokens(call: Call, lane: Lane, preparation: Preparation) -> web.Response:
    """Answer one request for a count: of the prompt as a model would get it."""
    try:
        raw = decode_json(await call.body())
    except JsonError as error:
        raise InvalidRequest(f"the request body is not valid JSON: {error}") from error
    request = preparation.prepared(request_from(raw, max_tokens=1), call.caller.conversation).request
    call.account.request = request
    model = model_for(request.model, priority=Priority.MAIN, target=lane.backend.target)
    counted = await counted_tokens(request, model, lane.backend, lane.dialect)
    tokens = estimated_tokens(section_characters(request)) if counted is None else counted
    response = value_response({"input_tokens": tokens}, call.request_id)
    response.headers[COUNTED_BY_HEADER] = "estimate" if counted is None else "engine"
    call.account.status = response.status
    return response
