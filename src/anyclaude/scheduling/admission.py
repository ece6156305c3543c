"""
The queue in front of one backend: how many requests run at once, and how many may wait.

A backend serves a limited number of requests at once.  The others wait here, where they can be counted, cancelled and
refused.  `RequestQueue` decides which one is next.  If the backend evicts the prompts that it does not use, a turn is
held after a tool call for as long as a quick tool takes, because the same conversation is about to send its next
request.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from anyclaude.errors import QueueFull, ShuttingDown

from .queue import Requester, RequestQueue

RETRY_AFTER_SECONDS = 5.0
"""A local reply takes seconds to minutes; retrying sooner only adds to the queue."""

HOLD_SECONDS = 0.5
"""
How long a turn is held for a conversation whose reply called a tool.  In a session of Claude Code 2.1.330 with quick
tools, the next request arrived 2 to 189 ms after the reply.  Half a second is short compared with evaluating a prompt
of thousands of tokens again.
"""


class Cancellable(Protocol):
    """A scheduled call, such as an `asyncio.TimerHandle`."""

    def cancel(self) -> None:
        """Cancel the call."""
        ...


CallLater: TypeAlias = Callable[[float, Callable[[], None]], Cancellable]
"""Calls a function after a number of seconds."""


def _call_later(seconds: float, function: Callable[[], None]) -> Cancellable:
    return asyncio.get_running_loop().call_later(seconds, function)


@dataclass(slots=True)
class AdmittedTurn:
    """The right to send one request; set `expects_followup` if the same conversation is about to send another."""

    requester: Requester
    expects_followup: bool = False


class Admission:
    """
    Admits `parallel` requests at a time, and lets up to `waiting_limit` more wait.

    `evicts_prompts` states that the backend keeps no prompt that it does not use.  `call_later` schedules the end of
    a held turn.
    """

    def __init__(
        self, parallel: int, waiting_limit: int, *, evicts_prompts: bool = False, call_later: CallLater = _call_later
    ) -> None:
        self._parallel = parallel
        self._waiting_limit = waiting_limit
        self._evicts_prompts = evicts_prompts
        self._call_later = call_later
        self._running = 0
        self._queue = RequestQueue(evicts_prompts=evicts_prompts)
        self._waiters: dict[int, asyncio.Future[None]] = {}
        self._held: dict[str, tuple[Requester, Cancellable]] = {}
        self._idle = asyncio.Event()
        self._idle_task: asyncio.Task[None] | None = None
        self._is_closed = False

    @property
    def running(self) -> int:
        """The number of requests that the backend is serving."""
        return self._running

    @property
    def waiting(self) -> int:
        """The number of requests in the queue."""
        return sum(not waiter.done() for waiter in self._waiters.values())

    @property
    def held(self) -> int:
        """The number of turns held for conversations that are about to continue."""
        return len(self._held)

    def close(self) -> None:
        """Refuse the requests that wait, and all that come: the gateway is stopping."""
        self._is_closed = True
        for waiter in self._waiters.values():
            if not waiter.done():
                waiter.set_exception(_shutting_down())

    def adapt(self, parallel: int, *, evicts_prompts: bool) -> None:
        """Admit another number of requests at a time, as soon as that many are running, to another kind of server."""
        self._parallel = parallel
        self._evicts_prompts = self._queue.evicts_prompts = evicts_prompts
        while self.waiting and self._running + len(self._held) < parallel:
            self._running += 1
            self._admit_next()

    @asynccontextmanager
    async def turn(self, requester: Requester) -> AsyncGenerator[AdmittedTurn, None]:
        """
        Wait for a turn, and keep it until the context is left.

        Raises:
            QueueFull: when the request would have to wait and the queue is full.
            ShuttingDown: when it would, and the gateway is stopping.
        """
        if self._idle_task is not None:
            self._idle_task.cancel()
        self._idle.clear()
        if self._admits_at_once(requester):
            self._running += 1
            self._queue.record_turn(requester)
        else:
            await self._wait(requester)
        turn = AdmittedTurn(requester)
        try:
            yield turn
        finally:
            self._end(turn)

    async def run_when_idle(self, work: Callable[[], Coroutine[None, None, None]]) -> bool:
        """
        Run `work` as soon as the backend is idle, and return whether it was completed.

        A request that arrives meanwhile cancels it.
        """
        while self._running or self._held or self._idle_task is not None:
            await self._idle.wait()
        self._idle_task = task = asyncio.create_task(work())
        self._idle.clear()
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()
            await asyncio.wait({task})
            self._idle_task = None
            self._signal_if_idle()
        if task.cancelled():
            return False
        task.result()
        return True

    def _admits_at_once(self, requester: Requester) -> bool:
        """
        Return whether a new request need not wait, and release the held turn that it takes, if any.

        It takes the turn held for its conversation, a free one, or one held for a conversation of lower priority.
        """
        if requester.conversation in self._held:
            self._release_held(requester.conversation)
            return True
        if self._running + len(self._held) < self._parallel:
            return True
        less_urgent = [held for held, _ in self._held.values() if held.priority > requester.priority]
        if not less_urgent:
            return False
        self._release_held(max(less_urgent, key=lambda held: held.priority).conversation)
        return True

    async def _wait(self, requester: Requester) -> None:
        if self._is_closed:
            raise _shutting_down()
        if self.waiting >= self._waiting_limit:
            raise QueueFull(
                f"the request queue is full: {self.waiting} waiting, which is the limit; try again later",
                RETRY_AFTER_SECONDS,
            )
        entry = self._queue.join(requester)
        waiter = self._waiters[entry.number] = asyncio.get_running_loop().create_future()
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.cancelled():
                self._queue.leave(entry)
                self._waiters.pop(entry.number, None)
            else:  # the request was admitted and cancelled in the same iteration of the event loop
                self._admit_next()
            raise
        except ShuttingDown:
            self._queue.leave(entry)
            self._waiters.pop(entry.number, None)
            raise

    def _end(self, turn: AdmittedTurn) -> None:
        """Hold the turn for its conversation, or admit the next request."""
        requester = turn.requester
        may_hold = self._evicts_prompts and turn.expects_followup and requester.conversation not in self._held
        if not may_hold or self._queue.has_more_urgent(requester):
            self._admit_next()
            return
        self._running -= 1
        timer = self._call_later(HOLD_SECONDS, lambda: self._expire(requester.conversation))
        self._held[requester.conversation] = (requester, timer)

    def _admit_next(self) -> None:
        """Pass a turn that has ended to the next request in the queue, if there is one."""
        while (entry := self._queue.pop()) is not None:
            waiter = self._waiters.pop(entry.number)
            if not waiter.done():  # otherwise the request was cancelled
                self._queue.record_turn(entry.requester, entry)
                waiter.set_result(None)
                return
        self._running -= 1
        self._signal_if_idle()

    def _expire(self, conversation: str) -> None:
        """End the hold on a turn whose conversation did not continue in time."""
        self._release_held(conversation)
        self._running += 1
        self._admit_next()

    def _release_held(self, conversation: str) -> None:
        _, timer = self._held.pop(conversation)
        timer.cancel()

    def _signal_if_idle(self) -> None:
        if not self._running and not self._held and self._idle_task is None:
            self._idle.set()


def _shutting_down() -> ShuttingDown:
    return ShuttingDown("the gateway is stopping, and the request was still waiting for its turn")
