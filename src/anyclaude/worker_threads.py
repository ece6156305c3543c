"""
Work that is too long for the event loop, in threads that delay the end of neither the loop nor the process.

Python runs one thread at a time and changes between them every `SWITCH_SECONDS`, so the loop serves others while
a thread reads a large request; only a single call into C that takes long can hold it up.
"""

import asyncio
import sys
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from typing import TypeAlias, TypeVar

T = TypeVar("T")
Job: TypeAlias = Callable[[], None]

SWITCH_SECONDS = 0.0005
"""How long a thread may run while another one waits.  Beside a large request, each step of a small one waits this long,
and it has a dozen steps; Python's default is ten times that."""

INLINE_BYTES = 4 * 1024
"""Requests up to this size are prepared in the event loop, which takes a few milliseconds whatever they contain."""

LARGE_BYTES = 2 * 1024 * 1024
"""Conversations beyond this are prepared one at a time; one of 500,000 tokens has as much."""

THREADS = 2
"""For the others.  As one thread runs at a time, more would not finish earlier, and would hold up the event loop."""


class WorkerThreads:
    """
    A few threads that do one job after the other; made for one event loop.

    A job whose caller was cancelled is finished nevertheless, and holds its thread: a client that leaves and comes back
    starts no more work than one that stays.
    """

    def __init__(self, count: int, name: str = "anyclaude-worker") -> None:
        self._count = count
        self._name = name
        self._free = asyncio.Semaphore(count)
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._has_started = False

    async def run(self, work: Callable[[], T]) -> T:
        """Return what `work` returns, or raise what it raises, when a thread has done it."""
        await self._free.acquire()
        self._start()
        outcome = Future[T]()
        outcome.set_running_or_notify_cancel()  # it can no longer be cancelled: the thread sets it in any case
        done = asyncio.wrap_future(outcome)
        done.add_done_callback(self._release)
        self._jobs.put(lambda: _settle(outcome, work))
        return await asyncio.shield(done)

    def close(self) -> None:
        """Let the threads end after their jobs; nothing waits for that."""
        for _ in range(self._count if self._has_started else 0):
            self._jobs.put(None)
        self._has_started = False

    def _start(self) -> None:
        if self._has_started:
            return
        self._has_started = True
        for _ in range(self._count):
            Thread(target=self._work, name=self._name, daemon=True).start()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    def _release(self, done: asyncio.Future[T]) -> None:
        self._free.release()
        if not done.cancelled():
            done.exception()  # retrieved: its caller may have gone


class RequestWorkers:
    """Prepares requests: small ones at once, others in threads, large ones one at a time."""

    def __init__(self) -> None:
        self._usual = WorkerThreads(THREADS)
        self._large = WorkerThreads(1)

    async def run(self, size_bytes: int, work: Callable[[], T]) -> T:
        """Return what `work` returns on a request of this size."""
        if size_bytes <= INLINE_BYTES:
            return work()
        return await (self._usual if size_bytes <= LARGE_BYTES else self._large).run(work)

    def close(self) -> None:
        """Let the threads end."""
        self._usual.close()
        self._large.close()


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
