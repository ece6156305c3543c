"""
The end of a gateway: which requests still run, and how those are ended that take longer than the grace period.

A reply that is cut off ends like any other broken one, so that its client recovers from it.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

from anyclaude.errors import ShuttingDown


class Stopping:
    """The requests of one gateway that run at present."""

    def __init__(self) -> None:
        self.has_begun = False
        """Whether the gateway is stopping, and takes no new requests."""
        self._running = 0
        self._is_idle = asyncio.Event()
        self._is_idle.set()
        self._limits: set[asyncio.Timeout] = set()

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count a request as running within the block."""
        self._running += 1
        self._is_idle.clear()
        try:
            yield
        finally:
            self._running -= 1
            if not self._running:
                self._is_idle.set()

    @asynccontextmanager
    async def cuttable(self) -> AsyncGenerator[None, None]:
        """
        Let `cut` end the block.

        Raises:
            ShuttingDown: when it did.
        """
        limit = asyncio.timeout(None)
        try:
            async with limit:
                self._limits.add(limit)
                yield
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise ShuttingDown("the gateway was stopped before the reply was complete") from error
        finally:
            self._limits.discard(limit)

    async def wait_idle(self, within_seconds: float) -> None:
        """Wait until no request runs, at most `within_seconds`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_seconds):
                await self._is_idle.wait()

    def cut(self) -> None:
        """End all replies that still run."""
        now = asyncio.get_running_loop().time()
        for limit in self._limits:
            limit.reschedule(now)
