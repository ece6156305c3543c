"""`GET /health`: the state of the gateway and its backends; `GET /health/ready`: whether one of them can answer."""

from aiohttp import web

from anyclaude.memory_budget import MemoryBudget
from anyclaude.protocol.json_values import JsonObject, JsonValue, masked_json
from anyclaude.scheduling import Upstream

from .requests import RequestContext
from .responses import value_response


async def health(context: RequestContext) -> web.Response:
    """
    Answer with the state of every circuit and queue.

    The status is `ok` while any backend can be used, `waiting` before one was found, and else `degraded`.
    """
    upstreams, journal, prewarmer = context.services.upstreams, context.services.journal, context.services.prewarmer
    backends: list[JsonValue] = [_backend(upstream) for upstream in upstreams]
    is_waiting = bool(upstreams) and all(upstream.server.awaited_because is not None for upstream in upstreams)
    status = "waiting" if is_waiting else "ok" if context.services.unready_because is None else "degraded"
    report: JsonObject = {
        "service": "anyclaude",  # by which another one recognises it (`backends/probe.py`)
        "status": status,
        "backends": backends,
        "warmth": None if prewarmer is None else prewarmer.health(),
        "memory": _memory(context.services.budget),
        "journal": {"lost_records": journal.lost_records, "last_failure": journal.last_failure},
    }
    return value_response(masked_json(report), context.request_id)


async def ready(context: RequestContext) -> web.Response:
    """Answer with status 200 if a backend can answer requests, else with status 503 and the reason."""
    reason = context.services.unready_because
    response = value_response(masked_json({"ready": reason is None, "reason": reason}), context.request_id)
    response.set_status(200 if reason is None else 503)
    return response


def _memory(budget: MemoryBudget) -> JsonObject:
    return {
        "limit_bytes": budget.limit_bytes,
        "kept_bytes": dict(budget.kept),
        "reserved_bytes": budget.reserved_bytes,
        "dropped": budget.dropped,
        "refused": budget.refused,
    }


def _backend(upstream: Upstream) -> JsonObject:
    target = upstream.backend.target
    return {
        "name": target.profile.name,
        "url": target.address,
        "model": target.model,
        "version": target.version,
        "context_tokens": target.context_tokens,
        "awaited_because": upstream.server.awaited_because,
        "learned": [amendment.change for amendment in upstream.amendments(target.model)],
        "circuit": {"state": upstream.breaker.state, "failures_in_a_row": upstream.breaker.failures},
        "running": upstream.admission.running,
        "waiting": upstream.admission.waiting,
        "held": upstream.admission.held,
    }
