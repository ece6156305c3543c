"""`GET /v1/models` and `GET /v1/models/{id}`, in the Anthropic shape."""

from aiohttp import web

from anyclaude.backends import BackendTarget
from anyclaude.errors import NotFound
from anyclaude.protocol.json_values import JsonObject, JsonValue

from .requests import RequestContext
from .responses import value_response

UNKNOWN_DATE = "1970-01-01T00:00:00Z"
"""The API's own value for a release date that is not known (docs: Models API)."""

PREFIX = "/v1/models/"


async def list_models(context: RequestContext) -> web.Response:
    """Answer with every model that a request can reach."""
    known = _names(context.services.targets)
    models: list[JsonValue] = [_model(name, target) for name, target in known.items()]
    return value_response(
        {
            "data": models,
            "has_more": False,
            "first_id": next(iter(known), None),
            "last_id": next(reversed(known), None),
        },
        context.request_id,
    )


async def show_model(context: RequestContext) -> web.Response:
    """
    Answer with one model.

    Raises:
        NotFound: when no request can reach a model of this name.
    """
    name = context.http.path.removeprefix(PREFIX)
    known = _names(context.services.targets)
    if name not in known:
        raise NotFound(f"model: {name}. The models here are {', '.join(known) or 'not known yet'}")
    return value_response(_model(name, known[name]), context.request_id)


def _names(targets: tuple[BackendTarget, ...]) -> dict[str, BackendTarget]:
    """Return the models of all servers; that of a server which is not there yet may not be known."""
    return {name: target for target in targets for name in (target.model, *target.models.values()) if name}


def _model(name: str, target: BackendTarget) -> JsonObject:
    return {
        "type": "model",
        "id": name,
        "display_name": f"{name} on {target.profile.title}",
        "created_at": UNKNOWN_DATE,
        "lifecycle": "active",  # required by the SDK's `ModelInfo` (anthropic 2.12.0)
        "max_input_tokens": target.context_tokens,
    }
