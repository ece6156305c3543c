"""The reason why the engine died."""

import asyncio
from pathlib import Path
from typing import NoReturn

import aiohttp

from anyclaude.backends import BackendTarget
from anyclaude.errors import EngineFailed
from anyclaude.launcher.engine_monitor import EngineMonitor, monitored
from anyclaude.observability.journal import Journal
from anyclaude.profiles import EMBEDDED
from anyclaude.server import GatewayOptions, open_gateway


class FakeEngine:
    """An engine that dies when `dies` is set."""

    def __init__(self) -> None:
        self.dies = asyncio.Event()
        self.died = asyncio.Event()

    async def wait(self) -> NoReturn:
        """Wait for the end."""
        await self.dies.wait()
        self.died.set()
        raise EngineFailed("out of memory")


async def test_the_reason_of_a_death_is_recorded() -> None:
    engine = FakeEngine()
    async with monitored(engine) as watch:
        engine.dies.set()
        await engine.died.wait()
        await asyncio.sleep(0)

    assert watch.reason == "out of memory"


async def test_a_running_engine_has_no_reason() -> None:
    async with monitored(FakeEngine()) as watch:
        pass

    assert watch.reason is None


async def test_without_an_engine_there_is_nothing_to_monitor() -> None:
    async with monitored(None) as watch:
        pass

    assert watch.reason is None


async def test_after_a_death_the_gateway_refuses_requests_with_the_reason_and_stays_up(tmp_path: Path) -> None:
    watch = EngineMonitor()
    target = BackendTarget(profile=EMBEDDED, base_url="http://127.0.0.1:9/v1", model="m")
    options = GatewayOptions(grace_seconds=0.1)
    async with open_gateway(options, (target,), Journal(tmp_path), fatal_error=watch.fatal_error) as gateway:
        watch.reason = "out of memory"
        body = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "hi"}]}
        async with aiohttp.ClientSession() as session:
            async with session.post(f"{gateway.base_url}/v1/messages", json=body) as refused:
                error = await refused.json()
            async with session.get(f"{gateway.base_url}/health") as health:
                health_status = health.status

    assert refused.status == 500
    assert refused.headers["x-should-retry"] == "false"
    assert error["error"]["message"] == "out of memory"
    assert health_status == 200


async def test_a_death_is_announced_at_once_to_who_wants_to_know() -> None:
    engine = FakeEngine()
    told: list[str] = []
    async with monitored(engine) as watch:
        with watch.announced_to(told.append):
            engine.dies.set()
            await engine.died.wait()
            await asyncio.sleep(0)

    assert told == ["out of memory"]
    assert watch.is_announced


async def test_a_death_before_anybody_wanted_to_know_is_announced_too() -> None:
    watch, told = EngineMonitor(), list[str]()
    watch.died("out of memory")
    with watch.announced_to(told.append):
        pass

    assert told == ["out of memory"]


async def test_a_death_after_the_announcements_have_ended_is_not_announced() -> None:
    watch = EngineMonitor()
    with watch.announced_to(lambda reason: None):
        pass
    watch.died("out of memory")

    assert (watch.reason, watch.is_announced) == ("out of memory", False)
