"""Complete responses: JSON bodies, and every error in the Anthropic envelope."""

import math

from aiohttp import web

from anyclaude.errors import AnyclaudeError
from anyclaude.protocol.events import encode_failure, failure
from anyclaude.protocol.json_values import JsonValue, encode_json

REQUEST_ID_HEADER = "request-id"


def json_response(body: bytes, request_id: str, status: int = 200) -> web.Response:
    """Return a response with a JSON body."""
    return web.Response(
        body=body, status=status, content_type="application/json", headers={REQUEST_ID_HEADER: request_id}
    )


def value_response(value: JsonValue, request_id: str) -> web.Response:
    """Return a response whose body is the JSON of `value`."""
    return json_response(encode_json(value), request_id)


def error_response(error: AnyclaudeError, request_id: str) -> web.Response:
    """
    Return an error in the Anthropic envelope.

    `x-should-retry` states whether a retry can help; without it Claude Code retries a deterministic failure ten times,
    with growing pauses.
    """
    response = json_response(encode_failure(failure(error, request_id)), request_id, error.status)
    response.headers["x-should-retry"] = "true" if error.is_transient else "false"
    response.headers.update(error.headers)
    if error.retry_after_seconds is not None:
        response.headers["retry-after"] = str(math.ceil(error.retry_after_seconds))
    return response
