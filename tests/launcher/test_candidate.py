"""How a server is asked what it is, and what cannot be used."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web
from tests.parts.gateway import running_gateway, target_at
from tests.parts.server_documents import OPENROUTER
from tests.parts.stub_server import stub_server
from tests.parts.usual_places import NOWHERE, placed

from anyclaude.errors import InvalidSetting
from anyclaude.launcher.candidate import QUESTIONS_AT_ONCE
from anyclaude.launcher.detection import find_target
from anyclaude.settings import Settings


@pytest.mark.parametrize("mode", ["auto", "generic", "llamacpp"])
async def test_a_gateway_like_this_one_cannot_be_chosen(tmp_path: Path, mode: str) -> None:
    async with running_gateway(tmp_path, target_at(NOWHERE, "ollama")) as gateway:
        with pytest.raises(
            InvalidSetting, match="is a gateway of anyclaude itself, not a model server; name the server"
        ):
            await find_target(Settings(mode=mode, backend_url=gateway.base_url))


async def test_the_address_of_a_server_on_the_internet_tells_its_kind() -> None:
    async with stub_server(OPENROUTER) as server:
        profiles = placed({"openai": (server.base_url,)})
        target = await find_target(Settings(backend_url=server.origin, model="z/large"), profiles)

    assert target is not None
    assert target.profile.name == "openai"
    assert {path for _, path, _ in server.requests} <= {"/v1/models", "/health"}


async def test_one_server_gets_few_questions_at_a_time() -> None:
    running = most = 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal running, most
        running += 1
        most = max(most, running)
        for _ in range(100):  # others that were sent would arrive meanwhile
            await asyncio.sleep(0)
        running -= 1
        return web.json_response({"data": [{"id": "m"}]} if request.path == "/v1/models" else {}, status=200)

    runner = web.AppRunner(application := web.Application())
    application.router.add_route("*", "/{path:.*}", answer)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        await find_target(Settings(backend_url=f"http://127.0.0.1:{runner.addresses[0][1]}"))
    finally:
        await runner.cleanup()

    assert 1 <= most <= QUESTIONS_AT_ONCE
