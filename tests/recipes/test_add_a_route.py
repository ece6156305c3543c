"""A route is one module with a function, and one row in the table of routes."""

from pathlib import Path

from aiohttp import web
from tests.parts.gateway import running_gateway, target_at
from tests.parts.raw_backend import RawBackend
from tests.parts.raw_client import ask

from anyclaude.server.requests import RequestContext
from anyclaude.server.responses import value_response
from anyclaude.server.routes import ROUTES
from anyclaude.server.services import Services


async def queue_length(context: RequestContext, services: Services) -> web.Response:
    """Answer with the number of requests that are waiting for any upstream."""
    waiting = sum(upstream.admission.waiting for upstream in services.upstreams)
    return value_response({"waiting": waiting}, context.request_id)


async def test_a_route_answers_its_methods_and_no_others(tmp_path: Path, backend: RawBackend) -> None:
    async with running_gateway(tmp_path, target_at(backend.base_url)) as gateway:
        gateway.gateway.routes = {**ROUTES, "/queue": {"GET": queue_length}}
        found = await ask(gateway.base_url, "GET", "/queue")
        refused = await ask(gateway.base_url, "POST", "/queue", b"{}")

    assert (found.status, found.json) == (200, {"waiting": 0})
    assert (refused.status, refused.error[0]) == (405, "invalid_request_error")
