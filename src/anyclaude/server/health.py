"""`GET /health`: how the gateway and its backends fare."""

from aiohttp import web

from anyclaude.observability import Journal
from anyclaude.protocol.json_values import JsonObject, JsonValue
from anyclaude.scheduling import Lane

from .call import Call
from .respond import value_response
from .warmth import Warmth


def health(call: Call, lanes: tuple[Lane, ...], journal: Journal, warmth: Warmth | None) -> web.Response:
    """Answer with the state of every backend's circuit and queue; all is well as long as one of them may be asked."""
    backends: list[JsonValue] = [_backend(lane) for lane in lanes]
    is_well = not lanes or any(lane.breaker.state != "open" for lane in lanes)
    return value_response(
        {
            "status": "ok" if is_well else "degraded",
            "backends": backends,
            "warmth": None if warmth is None else warmth.health(),
            "journal": {"lost_records": journal.lost_records, "last_failure": journal.last_failure},
        },
        call.request_id,
    )


def _backend(lane: Lane) -> JsonObject:
    target = lane.backend.target
    return {
        "name": target.profile.name,
        "url": target.address,
        "model": target.model,
        "context_tokens": target.context_tokens,
        "circuit": {"state": lane.breaker.state, "failures_in_a_row": lane.breaker.failures},
        "running": lane.admission.running,
        "waiting": lane.admission.waiting,
    }
