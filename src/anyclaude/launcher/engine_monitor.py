"""Records why the embedded engine died while the client had the terminal."""

import asyncio
from asyncio import Task
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NoReturn, Protocol

from anyclaude.errors import EngineFailed


class MonitoredEngine(Protocol):
    """An engine whose end can be waited for."""

    async def wait(self) -> NoReturn:
        """Wait for the end, and raise `EngineFailed` with its reason."""


class EngineMonitor:
    """`reason` is why the engine died, once it has."""

    reason: str | None = None

    def fatal_error(self) -> EngineFailed | None:
        """Return the error that requests are refused with: a dead engine is not restarted during a run."""
        return EngineFailed(self.reason) if self.reason else None


@asynccontextmanager
async def monitored(engine: MonitoredEngine | None) -> AsyncIterator[EngineMonitor]:
    """Monitor the engine, if there is one, for the duration of the context."""
    monitor = EngineMonitor()
    if engine is None:
        yield monitor
        return
    waiting: Task[None] = asyncio.create_task(_record_death(engine, monitor))
    try:
        yield monitor
    finally:
        waiting.cancel()
        await asyncio.wait((waiting,))


async def _record_death(engine: MonitoredEngine, monitor: EngineMonitor) -> None:
    try:
        await engine.wait()
    except EngineFailed as error:
        monitor.reason = str(error)
