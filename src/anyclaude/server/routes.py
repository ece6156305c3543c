"""
The routes of the gateway, one row each.

    HEAD, GET  /, /api/hello              the client's connectivity probes
    HEAD, GET  /health                    the state of the gateway
    HEAD, GET  /health/ready              whether it can answer requests: status 200 or 503
    HEAD, GET  /v1/models[/{id}]          the models that requests can reach
    POST       /v1/messages               a reply
    POST       /v1/messages/count_tokens  the number of tokens of a prompt

A base URL that ends in `/v1`, or that lacks it, and doubled or trailing slashes are understood (`paths.py`).

Any other route answers 404 in the Anthropic shape.  In mode `claude`, only the state of the gateway is answered here,
and every other request is forwarded to Anthropic's own API, or to the address configured instead.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from aiohttp import web

from anyclaude.errors import MethodNotAllowed, NotFound

from .count_tokens import count_tokens
from .health import health, ready
from .messages import create_message
from .models import PREFIX as MODELS_PREFIX
from .models import list_models, show_model
from .paths import canonical_path
from .requests import RequestContext
from .responses import REQUEST_ID_HEADER

Route: TypeAlias = Callable[[RequestContext], Awaitable[web.StreamResponse]]
"""Answers one request; raises `AnyclaudeError`, but only before the response has begun."""

Routes: TypeAlias = Mapping[str, Mapping[str, Route]]
"""The routes by path and method; a path that ends in `/` also matches everything below it."""


async def probe(context: RequestContext) -> web.Response:
    """Answer a connectivity probe."""
    return web.Response(headers={REQUEST_ID_HEADER: context.request_id})


HEALTH: Routes = {
    "/health": {"GET": health, "HEAD": health},
    "/health/ready": {"GET": ready, "HEAD": ready},
}
"""The only routes in mode `claude`, which forwards every other request."""

ROUTES: Routes = {
    **HEALTH,
    "/": {"HEAD": probe, "GET": probe},
    "/api/hello": {"HEAD": probe, "GET": probe},
    "/v1/models": {"GET": list_models, "HEAD": list_models},
    MODELS_PREFIX: {"GET": show_model, "HEAD": show_model},
    "/v1/messages": {"POST": create_message},
    "/v1/messages/count_tokens": {"POST": count_tokens},
}

RECORDED_PATHS = frozenset({"/v1/messages", "/v1/messages/count_tokens"})
"""The paths of exchanges with a model.  Probes and model lists would only obscure them in the journal."""


def route_for(method: str, path: str, routes: Routes) -> Route:
    """
    Return the route that answers a request.

    Raises:
        NotFound: when no route has this path.
        MethodNotAllowed: when the route does not answer this method.
    """
    plain = canonical_path(path)
    answers = routes.get(plain) or _below(plain, routes)
    if answers is None:
        raise NotFound(f"no such route: {path[:200]}")
    if method not in answers:
        raise MethodNotAllowed(f"{path} answers {' and '.join(answers)}, not {method[:20]}")
    return answers[method]


def _below(path: str, routes: Routes) -> Mapping[str, Route] | None:
    """Return the route whose path ends in `/` and begins this one; names of models may contain slashes."""
    prefixes = (prefix for prefix in routes if prefix.endswith("/") and len(prefix) > 1)
    return next((routes[prefix] for prefix in prefixes if path.startswith(prefix)), None)
