"""`GET /health`: how the gateway and its backends fare."""

from aiohttp import web

from anyclaude.observability.journal import Journal
from anyclaude.prewarm.prewarmer import Prewarmer
from anyclaude.protocol.json_values import JsonObject, JsonValue
from anyclaude.scheduling.dispatch import Upstream

from .requests import RequestContext
from .responses import value_response


def health(
    context: RequestContext, upstreams: tuple[Upstream, ...], journal: Journal, warmth: Prewarmer | None
) -> web.Response:
    """Answer with the state of every backend's circuit and queue; all is well as long as one of them may be asked."""
    backends: list[JsonValue] = [_backend(upstream) for upstream in upstreams]
    is_well = not upstreams or any(upstream.breaker.state != "open" for upstream in upstreams)
    return value_response(
        {
            "status": "ok" if is_well else "degraded",
            "backends": backends,
            "warmth": None if warmth is None else warmth.health(),
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
        "circuit": {"state": upstream.breaker.state, "failures_in_a_row": upstream.breaker.failures},
        "running": upstream.admission.running,
        "waiting": upstream.admission.waiting,
        "held": upstream.admission.held,
    }
