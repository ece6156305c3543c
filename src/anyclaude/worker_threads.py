"""
Work that is too long for the event loop, in threads that delay the end of neither the loop nor the process.

Python runs one thread at a time and changes between them every `SWITCH_SECONDS`, so the loop serves others while
a thread reads a large request; only a single call into C that takes long can hold it up.
"""

import asyncio
import sys
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from threading import Thread
from time import thread_time
from typing import TypeAlias, TypeVar

from .errors import WorkersBusy
from .fair_queue import FairQueue

A = TypeVar("A")
T = TypeVar("T")
Job: TypeAlias = Callable[[], None]

SWITCH_SECONDS = 0.0005
"""How long a thread may run while another one waits.  Beside a large request, each step of a small one waits this long,
and it has a dozen steps; Python's default is ten times that."""

INLINE_BYTES = 4 * 1024
"""Requests up to this size are prepared in the event loop, which takes a few milliseconds whatever they contain."""

SHORT_BYTES = 64 * 1024
"""What is done with so much takes a few milliseconds at most, if a request has been prepared already."""

LARGE_BYTES = 2 * 1024 * 1024
"""Conversations beyond this are prepared one at a time; one of 500,000 tokens has as much."""

THREADS = 2
"""For the others.  As one thread runs at a time, more would not finish earlier, and would hold up the event loop."""

SHORT_STEP_BYTES = 8 * 1024
"""What a step of a reply may bring and still be taken in the event loop."""

HELD_BYTES = 64 * 1024
"""What may be held back of a reply before each next step is taken in a thread, as it may have to read all of it."""

UNTIMED_BYTES = 1024
"""A step up to this size is not timed, as the time would be most of it: nearly each is a token."""

STEP_SECONDS = 0.002
"""What a step may take of the event loop: several times what 4 KiB of tokens take, and a tenth of what as many bytes of
calls take that do not fit their tools.  A small request may wait as long for each of its dozen steps."""

PARTS_AT_ONCE = 4
"""The parts of a step after which the time is looked at.  A call that does not fit its tool takes 1.5 ms."""


MAX_WAITING = 256
"""The requests that wait for the threads of one kind, far more than one client has; Claude Code asks for 50 counts of
tokens at once.  Beyond it, the one that would be served last is refused."""


class WorkerThreads:
    """
    A few threads that do one job after the other; made for one event loop.

    Clients share the threads by the size of their jobs (`fair_queue.py`).

    A job whose caller was cancelled is finished nevertheless, and holds its thread: a client that leaves and comes back
    starts no more work than one that stays.
    """

    def __init__(self, count: int, name: str = "anyclaude-worker", max_waiting: int = MAX_WAITING) -> None:
        self._count = count
        self._name = name
        self._max_waiting = max_waiting
        self._idle = count
        self._waiting = FairQueue[asyncio.Future[None]]()
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._has_started = False

    async def run(self, work: Callable[[], T], size: int = 1, client: str = "") -> T:
        """
        Return what `work` returns, or raise what it raises, when a thread has done it.

        Raises:
            WorkersBusy: when too many jobs wait, and those of other clients come before this one.
        """
        return await asyncio.shield(await self._begun(work, size, client))

    async def run_to_end(self, work: Callable[[], T]) -> T:
        """
        Return what `work` returns, or raise what it raises, when a thread has done it.

        A cancelled call waits for the end of work that has begun: its caller goes on to use what is worked on.
        """
        done = await self._begun(work)
        try:
            return await asyncio.shield(done)
        except asyncio.CancelledError:
            await asyncio.wait({done})
            raise

    async def _begun(self, work: Callable[[], T], size: int = 1, client: str = "") -> asyncio.Future[T]:
        """Return the future of work that a thread does next."""
        await self._turn(client, size)
        self._start()
        outcome = Future[T]()
        outcome.set_running_or_notify_cancel()  # it can no longer be cancelled: the thread sets it in any case
        done = asyncio.wrap_future(outcome)
        done.add_done_callback(self._release)
        self._jobs.put(partial(_settle, outcome, work))
        return done

    def close(self) -> None:
        """Let the threads end after their jobs; nothing waits for that."""
        for _ in range(self._count if self._has_started else 0):
            self._jobs.put(None)
        self._has_started = False

    async def _turn(self, client: str, size: int) -> None:
        """Wait for a thread."""
        turn = asyncio.get_running_loop().create_future()
        entry = self._waiting.join(turn, client, size)
        if self._idle:
            self._idle -= 1
            self._free()
        elif len(self._waiting) > self._max_waiting and not (last := self._waiting.pop_last()).done():
            last.set_exception(
                WorkersBusy(f"{self._max_waiting} requests wait to be prepared; try again when some are")
            )
        try:
            await turn
        except asyncio.CancelledError:
            self._waiting.leave(entry)
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._free()
            raise

    def _free(self) -> None:
        """Give a thread to the next that waits; one that was cancelled in this turn of the loop has not left yet."""
        while self._waiting:
            turn = self._waiting.pop()
            if not turn.done():
                turn.set_result(None)
                return
        self._idle += 1

    def _start(self) -> None:
        if self._has_started:
            return
        self._has_started = True
        for _ in range(self._count):
            Thread(target=self._work, name=self._name, daemon=True).start()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            del job  # what it refers to, such as a large request, is not kept until the next one

    def _release(self, done: asyncio.Future[T]) -> None:
        self._free()
        if not done.cancelled():
            done.exception()  # retrieved: its caller may have gone


class RequestWorkers:
    """Prepares requests: small ones at once, others in threads, large ones one at a time."""

    def __init__(self) -> None:
        self._usual = WorkerThreads(THREADS)
        self._large = WorkerThreads(1)

    async def run(self, size_bytes: int, work: Callable[[], T], client: str = "") -> T:
        """
        Return what `work` returns on a client's request of this size.

        Raises:
            WorkersBusy: when too many requests wait.
        """
        if size_bytes <= INLINE_BYTES:
            return work()
        workers = self._usual if size_bytes <= LARGE_BYTES else self._large
        return await workers.run(work, size_bytes, client)

    def close(self) -> None:
        """Let the threads end."""
        self._usual.close()
        self._large.close()


class ReplyWorkers:
    """The threads for what takes long of the work on replies: one for usual steps, and one for large ones."""

    def __init__(self) -> None:
        self.usual = WorkerThreads(1, max_waiting=sys.maxsize)  # a reply waits with one step at a time
        self.large = WorkerThreads(1, max_waiting=sys.maxsize)

    def close(self) -> None:
        """Let the threads end."""
        self.usual.close()
        self.large.close()


class ReplySteps:
    """
    The steps of one part of the work on a reply: in the event loop those that are short, the others in a thread.

    A step may take long if it is large, if much is held back that it may decide, or if the one before it took long.
    One that proves to take long goes on in a thread.
    """

    def __init__(self, workers: ReplyWorkers, clock: Callable[[], float] = thread_time) -> None:
        """`clock` returns the seconds that the calling thread has worked."""
        self._workers = workers
        self._clock = clock
        self._is_slow = False
        self.held_bytes = 0
        """The size of what was given since the last step that made something of it."""

    async def take(
        self, step: Callable[[list[A]], list[T]], given: list[A], size_bytes: int, *, is_long: bool = False
    ) -> list[T]:
        """
        Return what `step` makes of the parts that are given, of about this size, at once or in groups.

        `is_long` tells that this may take long, whatever its size.
        """
        self.held_bytes += size_bytes
        if self._is_slow or is_long or size_bytes > SHORT_STEP_BYTES or self.held_bytes > HELD_BYTES:
            made = await self._in_thread(step, given)
        elif size_bytes <= UNTIMED_BYTES:
            made = step(given)
        else:
            made, rest = self._begin(step, given)
            made += await self._in_thread(step, rest) if rest else []
        if made:
            self.held_bytes = 0
        return made

    def _begin(self, step: Callable[[list[A]], list[T]], given: list[A]) -> tuple[list[T], list[A]]:
        """Take a step in groups of parts as long as there is time; return what it made, and the other parts."""
        made: list[T] = []
        until = self._clock() + STEP_SECONDS
        for at in range(0, len(given), PARTS_AT_ONCE):
            if self._is_slow:
                return made, given[at:]
            made += step(given[at : at + PARTS_AT_ONCE])
            self._is_slow = self._clock() > until
        return made, []

    async def _in_thread(self, step: Callable[[list[A]], list[T]], given: list[A]) -> list[T]:
        threads = self._workers.large if self.held_bytes > HELD_BYTES else self._workers.usual
        return await threads.run_to_end(lambda: self._timed(step, given))

    def _timed(self, step: Callable[[list[A]], list[T]], given: list[A]) -> list[T]:
        began = self._clock()
        made = step(given)
        self._is_slow = self._clock() - began > STEP_SECONDS
        return made


async def in_thread_if_large(size_bytes: int, work: Callable[[], T]) -> T:
    """Return what `work` returns on so many bytes; many are a matter for a thread."""
    return work() if size_bytes <= SHORT_BYTES else await in_daemon_thread(work)


async def in_daemon_thread(work: Callable[[], T]) -> T:
    """
    Return what `work` returns; a cancelled call leaves it behind.

    Unlike a thread of the event loop's executor, one that is left behind delays neither the end of the loop nor that
    of the process, whatever it waits for.
    """
    outcome = Future[T]()
    outcome.set_running_or_notify_cancel()
    Thread(target=_settle, args=(outcome, work), name="anyclaude-question", daemon=True).start()
    return await asyncio.wrap_future(outcome)


def switch_often() -> None:
    """Let the threads of this process take turns every `SWITCH_SECONDS`."""
    sys.setswitchinterval(SWITCH_SECONDS)


def _settle(outcome: Future[T], work: Callable[[], T]) -> None:
    try:
        outcome.set_result(work())
    except Exception as error:  # noqa: BLE001  # it is raised where the result is awaited
        outcome.set_exception(error)
    finally:
        del outcome, work  # the traceback of the error has this frame: a cycle, which would be kept
