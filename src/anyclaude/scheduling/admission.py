"""
A fair queue in front of one backend.

A backend serves so many requests at once; the rest wait here, where they can be counted, taken
back and refused.  `Row` says who is next.  A backend that forgets the prompts it does not use is
kept for a conversation that is sure to go on, for as long as a quick tool takes.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from anyclaude.errors import QueueFull

from .queue import Requester, RequestQueue

RETRY_AFTER_SECONDS = 5.0
"""A local reply takes seconds to minutes; asking again sooner only adds to the queue."""

HOLD_SECONDS = 0.5
"""
How long a turn is kept for a conversation whose reply called a tool.  In a session of Claude Code 2.1.330 with quick
tools the next request came 2 to 189 ms after the reply; and half a second is little against a prompt of thousands of
tokens that is read anew.
"""


class Cancellable(Protocol):
    """Something that was put off and can be called off."""

    def cancel(self) -> None:
        """Call it off."""
        ...


Later: TypeAlias = Callable[[float, Callable[[], None]], Cancellable]
"""Does something after so many seconds."""


def _later(seconds: float, work: Callable[[], None]) -> Cancellable:
    return asyncio.get_running_loop().call_later(seconds, work)


@dataclass(slots=True)
class AdmittedTurn:
    """A turn that somebody has; `goes_on` is set where the same conversation is sure to ask again at once."""

    requester: Requester
    expects_followup: bool = False


class Admission:
    """
    Lets `parallel` requests through at a time and holds up to `waiting_limit` more.

    `is_forgetful` says that the backend keeps no prompt that it does not use.
    """

    def __init__(
        self, parallel: int, waiting_limit: int, *, evicts_prompts: bool = False, later: Later = _later
    ) -> None:
        self._parallel = parallel
        self._waiting_limit = waiting_limit
        self._evicts_prompts = evicts_prompts
        self._later = later
        self._running = 0
        self._queue = RequestQueue(evicts_prompts=evicts_prompts)
        self._called: dict[int, asyncio.Future[None]] = {}
        self._held: dict[str, tuple[Requester, Cancellable]] = {}
        self._emptied = asyncio.Event()
        self._spare: asyncio.Task[None] | None = None

    @property
    def running(self) -> int:
        """How many requests the backend is serving."""
        return self._running

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return sum(not called.done() for called in self._called.values())

    @property
    def held(self) -> int:
        """How many turns are kept for conversations that are sure to go on."""
        return len(self._held)

    @asynccontextmanager
    async def turn(self, requester: Requester) -> AsyncGenerator[AdmittedTurn, None]:
        """Wait for a turn and have it as long as the context lasts; raises `QueueFull`."""
        if self._spare is not None:
            self._spare.cancel()
        self._emptied.clear()
        if self._takes_turn(requester):
            self._running += 1
            self._queue.serves(requester)
        else:
            await self._wait(requester)
        turn = AdmittedTurn(requester)
        try:
            yield turn
        finally:
            self._end(turn)

    async def run_when_idle(self, work: Callable[[], Coroutine[None, None, None]]) -> bool:
        """Do what nobody waits for once the backend is idle; whoever comes ends it.  Tell whether it was done."""
        while self._running or self._held or self._spare is not None:
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

    def _takes_turn(self, requester: Requester) -> bool:
        """Tell whether somebody who comes is served at once: in its own held turn, a free one, or a lesser one's."""
        if requester.conversation in self._held:
            self._let_go(requester.conversation)
            return True
        if self._running + len(self._held) < self._parallel:
            return True
        lesser = [held for held, _ in self._held.values() if held.priority > requester.priority]
        if not lesser:
            return False
        self._let_go(max(lesser, key=lambda held: held.priority).conversation)
        return True

    async def _wait(self, requester: Requester) -> None:
        if self.waiting >= self._waiting_limit:
            raise QueueFull(
                f"{self.waiting} requests wait for the backend already, which is the limit; try again later",
                RETRY_AFTER_SECONDS,
            )
        entry = self._queue.join(requester)
        called = self._called[entry.number] = asyncio.get_running_loop().create_future()
        try:
            await called
        except asyncio.CancelledError:
            if called.cancelled():
                self._queue.leave(entry)
                self._called.pop(entry.number, None)
            else:  # the turn came in the very moment the request was taken back
                self._hand_over()
            raise

    def _end(self, turn: AdmittedTurn) -> None:
        """Keep the turn for its conversation, or give it to whoever is next."""
        requester = turn.requester
        keeps = self._evicts_prompts and turn.expects_followup and requester.conversation not in self._held
        if not keeps or self._queue.goes_before(requester):
            self._hand_over()
            return
        self._running -= 1
        timer = self._later(HOLD_SECONDS, lambda: self._expire(requester.conversation))
        self._held[requester.conversation] = (requester, timer)

    def _hand_over(self) -> None:
        while (entry := self._queue.next()) is not None:
            called = self._called.pop(entry.number)
            if not called.done():  # else it was taken back
                self._queue.serves(entry.requester, entry)
                called.set_result(None)
                return
        self._running -= 1
        self._note_emptiness()

    def _expire(self, conversation: str) -> None:
        """Give a turn that was kept in vain to whoever is next."""
        self._let_go(conversation)
        self._running += 1
        self._hand_over()

    def _let_go(self, conversation: str) -> None:
        _, timer = self._held.pop(conversation)
        timer.cancel()

    def _note_emptiness(self) -> None:
        if not self._running and not self._held and self._spare is None:
            self._emptied.set()
