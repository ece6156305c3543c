"""`GET /v1/models` and `GET /v1/models/{id}`, in the Anthropic shape."""

from aiohttp import web

from anyclaude.backends import BackendTarget
from anyclaude.errors import NotFound
from anyclaude.model_names import listed_name, without_window_mark
from anyclaude.protocol.json_values import JsonObject, JsonValue, masked_json

from .paths import canonical_path
from .requests import RequestContext
from .responses import value_response

UNKNOWN_DATE = "1970-01-01T00:00:00Z"
"""The API's own value for a release date that is not known (docs: Models API)."""

PREFIX = "/v1/models/"


async def list_models(context: RequestContext) -> web.Response:
    """Answer with every model that a request can reach."""
    known = _names(context.services.targets)
    models: list[JsonValue] = [_model(name, target) for name, target in known.items()]
    page: JsonObject = {
        "data": models,
        "has_more": False,
        "first_id": next(iter(known), None),
        "last_id": next(reversed(known), None),
    }
    return value_response(masked_json(page), context.request_id)


async def show_model(context: RequestContext) -> web.Response:
    """
    Answer with one model.

    Raises:
        NotFound: when no request can reach a model of this name.
    """
    asked = context.http.path
    known = _names(context.services.targets)
    named = (path.removeprefix(PREFIX) for path in (asked, canonical_path(asked)))
    found = (listed_name(without_window_mark(name), tuple(known)) for name in named)
    name = next(filter(None, found), None)
    if name is None:
        raise NotFound(
            f"model: {canonical_path(asked).removeprefix(PREFIX)}. "
            f"The models here are {', '.join(known) or 'not known yet'}"
        )
    return value_response(masked_json(_model(name, known[name])), context.request_id)


def _names(targets: tuple[BackendTarget, ...]) -> dict[str, BackendTarget]:
    """
    Return the models of all servers, the configured ones first; each with the first server that has it.

    That of a server which is not there yet may not be known.  The lists of fallbacks are left out: a request gets
    there only if the servers before it fail, and names their models by the first one's.
    """
    names: dict[str, BackendTarget] = {}
    for target in targets:
        for name in filter(None, (target.model, *target.models.values())):
            names.setdefault(name, target)
    for target in targets[:1]:
        for name in target.available_models:
            names.setdefault(name, target)
    return names


def _model(name: str, target: BackendTarget) -> JsonObject:
    return {
        "type": "model",
        "id": name,
        "display_name": f"{name} on {target.profile.title}",
        "created_at": UNKNOWN_DATE,
        "lifecycle": "active",  # required by the SDK's `ModelInfo` (anthropic 2.12.0)
        "max_input_tokens": target.window_of(name),
    }
