"""
A fair queue in front of one backend.

A backend serves so many requests at once; the rest wait here, where they can be counted, taken
back and refused.  Waiting conversations take turns, so that one which fans out into twenty
sub-agents cannot starve another.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager

from anyclaude.errors import QueueFull

RETRY_AFTER_SECONDS = 5.0
"""A local reply takes seconds to minutes; asking again sooner only adds to the queue."""


class Admission:
    """Lets `parallel` requests through at a time and holds up to `waiting_limit` more."""

    def __init__(self, parallel: int, waiting_limit: int) -> None:
        self._parallel = parallel
        self._waiting_limit = waiting_limit
        self._running = 0
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._emptied = asyncio.Event()
        self._spare: asyncio.Task[None] | None = None

    @property
    def running(self) -> int:
        """How many requests the backend is serving."""
        return self._running

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return sum(not place.done() for places in self._waiting.values() for place in places)

    @asynccontextmanager
    async def turn(self, conversation: str) -> AsyncGenerator[None, None]:
        """Wait for a turn and hold it as long as the context lasts; raises `QueueFull`."""
        if self._spare is not None:
            self._spare.cancel()
        self._emptied.clear()
        if self._running < self._parallel:
            self._running += 1
        else:
            await self._wait(conversation)
        try:
            yield
        finally:
            self._hand_over()

    async def in_spare_time(self, work: Callable[[], Coroutine[None, None, None]]) -> bool:
        """Do what nobody waits for once the backend is idle; whoever comes ends it.  Tell whether it was done."""
        while self._running or self._spare is not None:
            await self._emptied.wait()
        self._spare = task = asyncio.create_task(work())
        self._emptied.clear()
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()
            await asyncio.wait({task})
            self._spare = None
            self._note_emptiness()
        if task.cancelled():
            return False
        task.result()
        return True

    async def _wait(self, conversation: str) -> None:
        if self.waiting >= self._waiting_limit:
            raise QueueFull(
                f"{self.waiting} requests wait for the backend already, which is the limit; try again later",
                RETRY_AFTER_SECONDS,
            )
        place = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(conversation, deque()).append(place)
        try:
            await place
        except asyncio.CancelledError:
            if not place.cancelled():  # the turn came in the very moment the request was taken back
                self._hand_over()
            raise

    def _hand_over(self) -> None:
        """Give the turn to the next conversation, which then goes to the end of the row."""
        while self._waiting:
            conversation, places = self._waiting.popitem(last=False)
            while places and places[0].done():  # taken back
                places.popleft()
            if places:
                places.popleft().set_result(None)
                if places:
                    self._waiting[conversation] = places
                return
        self._running -= 1
        self._note_emptiness()

    def _note_emptiness(self) -> None:
        if not self._running and self._spare is None:
            self._emptied.set()
