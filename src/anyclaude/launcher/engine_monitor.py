"""Remembers why the embedded engine died while the client had the terminal."""

import asyncio
from asyncio import Task
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NoReturn, Protocol

from anyclaude.errors import EngineFailed


class MonitoredEngine(Protocol):
    """What can die, and then says why."""

    async def wait(self) -> NoReturn:
        """Wait for the end, and raise `EngineFailed` with its reason."""


class EngineMonitor:
    """`reason` is why the engine died, once it has."""

    reason: str | None = None

    def fatal_error(self) -> EngineFailed | None:
        """Return the failure to answer requests with: nothing brings a dead engine back during this run."""
        return EngineFailed(self.reason) if self.reason else None


@asynccontextmanager
async def monitored(engine: MonitoredEngine | None) -> AsyncIterator[EngineMonitor]:
    """Watch the engine, if there is one, for the time of the block."""
    watch = EngineMonitor()
    if engine is None:
        yield watch
        return
    waiting: Task[None] = asyncio.create_task(_note_death(engine, watch))
    try:
        yield watch
    finally:
        waiting.cancel()
        await asyncio.wait((waiting,))


async def _note_death(engine: MonitoredEngine, watch: EngineMonitor) -> None:
    try:
        await engine.wait()
    except EngineFailed as error:
        watch.reason = str(error)
