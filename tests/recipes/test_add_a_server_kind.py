"""
The recipe for a new kind of server: one profile, and one row in the table.

`EXAMPLE` would be a module in `profiles/`, and `TABLE` is the table with its row.  No other code names the kind; a
server of it is detected, queried for its facts, and used.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from tests.parts.gateway import running_gateway
from tests.parts.raw_client import ask, prompt
from tests.parts.referee import judge
from tests.parts.usual_places import placed

from anyclaude.launcher.detection import find_target
from anyclaude.profiles import PROFILES, BackendProfile, profile_named
from anyclaude.settings import Settings

EXAMPLE = BackendProfile(
    name="example",
    title="Example Server",
    base_url="http://127.0.0.1:9000/v1",
    identity_path="/about",
    identity_marker="Example Server",
    parallel_requests=2,
    accepts_top_k=False,
    max_tokens_field="max_completion_tokens",
)
TABLE = (*PROFILES[:-1], EXAMPLE, PROFILES[-1])

REPLY = {"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]}


@asynccontextmanager
async def example_server(requests: list[dict[str, object]]) -> AsyncIterator[str]:
    """Run a server of the new kind and yield its base URL; `requests` gets the bodies of the chat requests."""

    async def about(request: web.Request) -> web.Response:
        return web.json_response({"product": "Example Server 1.0"})

    async def models(request: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": "small", "max_model_len": 8192}]})

    async def complete(request: web.Request) -> web.Response:
        requests.append(await request.json())
        return web.json_response(REPLY)

    application = web.Application()
    application.router.add_get("/about", about)
    application.router.add_get("/v1/models", models)
    application.router.add_post("/v1/chat/completions", complete)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


def test_the_kind_is_found_by_its_name() -> None:
    assert profile_named("example", TABLE) is EXAMPLE
    with pytest.raises(LookupError):
        profile_named("example")


@pytest.mark.parametrize("is_address_given", [True, False])
async def test_a_server_of_the_kind_is_detected_and_used(tmp_path: Path, is_address_given: bool) -> None:
    requests: list[dict[str, object]] = []
    async with example_server(requests) as base_url:
        settings = Settings(backend_url=base_url if is_address_given else None)
        target = await find_target(settings, placed({"example": (base_url,)}, TABLE))
        assert target is not None
        async with running_gateway(tmp_path, target) as gateway:
            response = await ask(gateway.base_url, "POST", "/v1/messages", prompt("Hi", top_k=5))
            record = await gateway.recorded(1)

    assert (target.profile.name, target.model, target.context_tokens) == ("example", "small", 8192)
    assert target.parallel_requests == 2
    assert judge(response.body).texts() == ["Hello"]
    assert [request["model"] for request in requests] == ["small"]
    assert "max_completion_tokens" in requests[0]
    assert "top_k" not in requests[0]
    assert record["route"] == "example/small"
