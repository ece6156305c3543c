"""`GET /health`: the state of the gateway and its backends."""

from aiohttp import web

from anyclaude.protocol.json_values import JsonObject, JsonValue
from anyclaude.scheduling import Upstream

from .requests import RequestContext
from .responses import value_response


async def health(context: RequestContext) -> web.Response:
    """Answer with the state of every circuit and queue; the status is `ok` while any backend can be used."""
    upstreams, journal, prewarmer = context.services.upstreams, context.services.journal, context.services.prewarmer
    backends: list[JsonValue] = [_backend(upstream) for upstream in upstreams]
    is_ok = not upstreams or any(upstream.breaker.state != "open" for upstream in upstreams)
    return value_response(
        {
            "service": "anyclaude",  # by which another one recognises it (`backends/probe.py`)
            "status": "ok" if is_ok else "degraded",
            "backends": backends,
            "warmth": None if prewarmer is None else prewarmer.health(),
            "journal": {"lost_records": journal.lost_records, "last_failure": journal.last_failure},
        },
        context.request_id,
    )


def _backend(upstream: Upstream) -> JsonObject:
    target = upstream.backend.target
    return {
        "name": target.profile.name,
        "url": target.address,
        "model": target.model,
        "context_tokens": target.context_tokens,
        "learned": [amendment.change for amendment in upstream.amendments(target.model)],
        "circuit": {"state": upstream.breaker.state, "failures_in_a_row": upstream.breaker.failures},
        "running": upstream.admission.running,
        "waiting": upstream.admission.waiting,
        "held": upstream.admission.held,
    }
