"""A clock that the test sets and that a sleep advances."""

import asyncio


class ManualClock:
    """A clock whose `sleep` returns immediately and advances the time."""

    def __init__(self) -> None:
        self.time = 1_000.0
        self.sleeps: list[float] = []

    def seconds(self) -> float:
        """Return the current time; its origin is arbitrary."""
        return self.time

    async def sleep(self, seconds: float) -> None:
        """Advance the time and let other tasks run."""
        self.sleeps.append(seconds)
        self.time += seconds
        await asyncio.sleep(0)
