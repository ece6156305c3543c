"""Records why the embedded engine died while the client had the terminal."""

import asyncio
from asyncio import Task
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import NoReturn, Protocol

from anyclaude.errors import EngineFailed


class MonitoredEngine(Protocol):
    """An engine whose end can be waited for."""

    async def wait(self) -> NoReturn:
        """Wait for the end, and raise `EngineFailed` with its reason."""


class EngineMonitor:
    """`reason` is why the engine died, once it has; `is_announced` says whether the user has been told at once."""

    reason: str | None = None
    is_announced = False
    _announce: Callable[[str], None] | None = None

    @contextmanager
    def announced_to(self, announce: Callable[[str], None]) -> Iterator[None]:
        """Call `announce` with the reason when the engine dies or if it has, for the duration of the context."""
        self._announce = announce
        if self.reason is not None:
            self.died(self.reason)
        try:
            yield
        finally:
            self._announce = None

    def died(self, reason: str) -> None:
        """Record why the engine died."""
        self.reason = reason
        if self._announce is not None:
            self.is_announced = True
            self._announce(reason)

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
        monitor.died(str(error))
