"""Work in threads: in order, bounded, and never lost to a caller that leaves."""

import asyncio
import sys
from functools import partial
from threading import Event, current_thread

import pytest

from anyclaude.worker_threads import (
    INLINE_BYTES,
    LARGE_BYTES,
    SWITCH_SECONDS,
    RequestWorkers,
    WorkerThreads,
    in_daemon_thread,
    switch_often,
)


async def test_the_result_or_the_error_of_the_work_is_returned() -> None:
    workers = WorkerThreads(1)

    assert await workers.run(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await workers.run(lambda: 1 // 0)
    assert await workers.run(lambda: 8) == 8
    workers.close()


async def test_a_request_is_prepared_in_the_loop_or_in_threads_by_its_size() -> None:
    workers = RequestWorkers()
    loop_thread = current_thread()

    threads = [await workers.run(size, current_thread) for size in (INLINE_BYTES, INLINE_BYTES + 1, LARGE_BYTES + 1)]

    assert threads[0] is loop_thread
    assert len(set(threads)) == 3
    assert all(thread.daemon for thread in threads[1:])
    workers.close()


async def test_large_requests_are_prepared_one_at_a_time_and_hold_up_no_others() -> None:
    workers = RequestWorkers()
    may_end = Event()
    begun: list[str] = []

    def large(name: str) -> None:
        begun.append(name)
        may_end.wait()

    tasks = [asyncio.create_task(workers.run(LARGE_BYTES + 1, partial(large, name))) for name in ("a", "b")]
    usual = [await workers.run(INLINE_BYTES + 1, lambda: "usual") for _ in range(5)]
    assert (usual, begun) == (["usual"] * 5, ["a"])

    may_end.set()
    await asyncio.gather(*tasks)
    assert begun == ["a", "b"]
    workers.close()


async def test_work_whose_caller_has_left_holds_its_thread_until_it_ends() -> None:
    workers = WorkerThreads(1)
    begun, may_end = Event(), Event()
    begun_again = Event()

    def work() -> None:
        begun.set()
        may_end.wait()

    task = asyncio.create_task(workers.run(work))
    await in_daemon_thread(begun.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    following = asyncio.create_task(workers.run(begun_again.set))
    await asyncio.sleep(0)
    assert not begun_again.is_set()

    may_end.set()
    await following
    assert begun_again.is_set()
    workers.close()


async def test_a_caller_that_leaves_before_its_turn_costs_nothing() -> None:
    workers = WorkerThreads(1)
    may_end = Event()
    done: list[int] = []
    first = asyncio.create_task(workers.run(may_end.wait))
    waiting = [asyncio.create_task(workers.run(lambda: done.append(1))) for _ in range(3)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    may_end.set()
    await first

    assert await workers.run(lambda: list(done)) == []
    workers.close()


async def test_threads_end_when_they_are_closed() -> None:
    workers = WorkerThreads(2)
    thread = await workers.run(current_thread)

    workers.close()
    await in_daemon_thread(thread.join)

    assert not thread.is_alive()


def test_threads_take_turns_often() -> None:
    before = sys.getswitchinterval()
    try:
        switch_often()
        assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS)
    finally:
        sys.setswitchinterval(before)
