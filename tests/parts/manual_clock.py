"""A clock that the test sets, and that moves on when somebody sleeps."""

import asyncio


class ManualClock:
    """Seconds from anywhere; a sleep takes no time but moves the clock."""

    def __init__(self) -> None:
        self.time = 1_000.0
        self.sleeps: list[float] = []

    def seconds(self) -> float:
        """Return the time."""
        return self.time

    async def sleep(self, seconds: float) -> None:
        """Let the time pass, and others run."""
        self.sleeps.append(seconds)
        self.time += seconds
        await asyncio.sleep(0)
