"""Why the engine died is known afterwards."""

import asyncio
from typing import NoReturn

from anyclaude.errors import EngineFailed
from anyclaude.launcher.engine_watch import engine_watch


class FakeEngine:
    """Dies when it is told to."""

    def __init__(self) -> None:
        self.dies = asyncio.Event()
        self.died = asyncio.Event()

    async def wait(self) -> NoReturn:
        """Wait for the end."""
        await self.dies.wait()
        self.died.set()
        raise EngineFailed("out of memory")


async def test_the_reason_of_a_death_is_kept() -> None:
    engine = FakeEngine()
    async with engine_watch(engine) as watch:
        engine.dies.set()
        await engine.died.wait()
        await asyncio.sleep(0)

    assert watch.reason == "out of memory"


async def test_an_engine_that_lives_has_no_reason() -> None:
    async with engine_watch(FakeEngine()) as watch:
        pass

    assert watch.reason is None


async def test_without_an_engine_nothing_is_watched() -> None:
    async with engine_watch(None) as watch:
        pass

    assert watch.reason is None
