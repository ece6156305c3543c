"""Work in threads: in order, bounded, and never lost to a caller that leaves."""

import asyncio
import sys
from collections.abc import Iterator
from functools import partial
from threading import Event, Thread, current_thread

import pytest

from anyclaude.errors import WorkersBusy
from anyclaude.worker_threads import (
    HELD_BYTES,
    INLINE_BYTES,
    LARGE_BYTES,
    PARTS_AT_ONCE,
    SHORT_BYTES,
    SHORT_STEP_BYTES,
    STEP_SECONDS,
    SWITCH_SECONDS,
    UNTIMED_BYTES,
    ReplySteps,
    ReplyWorkers,
    RequestWorkers,
    WorkerThreads,
    in_daemon_thread,
    in_thread_if_large,
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


@pytest.fixture
def reply_workers() -> Iterator[ReplyWorkers]:
    workers = ReplyWorkers()
    yield workers
    workers.close()


async def test_a_short_step_of_a_reply_is_taken_in_the_loop_and_a_large_one_in_a_thread(
    reply_workers: ReplyWorkers,
) -> None:
    steps = ReplySteps(reply_workers)

    def thread(parts: list[int]) -> list[Thread]:
        return [current_thread() for _ in parts]

    taken = [await steps.take(thread, [1], size) for size in (1, SHORT_STEP_BYTES, SHORT_STEP_BYTES + 1)]
    known = await steps.take(thread, [1], 1, is_long=True)

    assert [threads[0] is current_thread() for threads in (*taken, known)] == [True, True, False, False]


async def test_what_is_held_back_counts_until_something_is_made_of_it(reply_workers: ReplyWorkers) -> None:
    steps = ReplySteps(reply_workers)
    loop_thread = current_thread()
    in_loop: list[bool] = []

    def hold(parts: list[int]) -> list[int]:
        in_loop.append(current_thread() is loop_thread)
        return parts if parts == [0] else []

    for _ in range(HELD_BYTES // 1_000 + 2):
        await steps.take(hold, [1], 1_000)
    await steps.take(hold, [0], 1)
    await steps.take(hold, [1], 1)

    assert in_loop[: HELD_BYTES // 1_000] == [True] * (HELD_BYTES // 1_000)
    assert in_loop[-4:] == [False, False, False, True]


async def test_a_step_that_proves_to_take_long_goes_on_in_a_thread_with_its_parts_in_order(
    reply_workers: ReplyWorkers,
) -> None:
    loop_thread = current_thread()
    seconds = 0.0
    where: list[tuple[int, bool]] = []

    def step(parts: list[int]) -> list[int]:
        nonlocal seconds
        seconds += 0.6 * STEP_SECONDS
        where.append((len(parts), current_thread() is loop_thread))
        return parts

    parts = list(range(4 * PARTS_AT_ONCE))
    steps = ReplySteps(reply_workers, lambda: seconds)

    assert await steps.take(step, parts, UNTIMED_BYTES + 1) == parts
    assert where == [(PARTS_AT_ONCE, True), (PARTS_AT_ONCE, True), (2 * PARTS_AT_ONCE, False)]


async def test_after_a_step_that_took_long_the_next_ones_are_taken_in_a_thread_until_one_is_short(
    reply_workers: ReplyWorkers,
) -> None:
    loop_thread = current_thread()
    seconds = 0.0
    taking = iter((2 * STEP_SECONDS, 2 * STEP_SECONDS, 0.0, 0.0))

    def step(parts: list[int]) -> list[bool]:
        nonlocal seconds
        seconds += next(taking)
        return [current_thread() is loop_thread]

    steps = ReplySteps(reply_workers, lambda: seconds)
    in_loop = [await steps.take(step, [1], UNTIMED_BYTES + 1) for _ in range(4)]

    assert in_loop == [[True], [False], [False], [True]]


async def test_others_run_while_a_step_takes_long(reply_workers: ReplyWorkers) -> None:
    has_run = Event()
    step = ReplySteps(reply_workers).take(lambda parts: [has_run.wait(10)], [1], SHORT_STEP_BYTES + 1)
    task = asyncio.create_task(step)
    await asyncio.sleep(0)

    has_run.set()

    assert await task == [True]


async def test_a_cancelled_step_is_over_before_its_caller_goes_on(reply_workers: ReplyWorkers) -> None:
    begun, may_end = Event(), Event()
    done: list[int] = []

    def step(parts: list[int]) -> list[int]:
        begun.set()
        may_end.wait()
        done.append(1)
        return done

    task = asyncio.create_task(ReplySteps(reply_workers).take(step, [1], SHORT_STEP_BYTES + 1))
    await in_daemon_thread(begun.wait)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()

    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done == [1]


def test_threads_take_turns_often() -> None:
    before = sys.getswitchinterval()
    try:
        switch_often()
        assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS)
    finally:
        sys.setswitchinterval(before)


async def test_one_client_with_many_jobs_holds_up_no_other() -> None:
    workers = WorkerThreads(1)
    may_end = Event()
    done: list[str] = []
    first = asyncio.create_task(workers.run(may_end.wait))
    jobs = [("many", 9), ("many", 9), ("many", 9), ("few", 10), ("few", 2)]
    tasks = [asyncio.create_task(workers.run(partial(done.append, client), size, client)) for client, size in jobs]
    await asyncio.sleep(0)

    may_end.set()
    await asyncio.gather(first, *tasks)

    assert done == ["many", "few", "few", "many", "many"]
    workers.close()


async def test_beyond_the_bound_the_client_with_the_most_jobs_is_refused() -> None:
    workers = WorkerThreads(1, max_waiting=2)
    may_end = Event()
    first = asyncio.create_task(workers.run(may_end.wait))
    many = [asyncio.create_task(workers.run(int, 9, "many")) for _ in range(3)]
    await asyncio.sleep(0)
    few = asyncio.create_task(workers.run(int, 9, "few"))
    await asyncio.sleep(0)

    may_end.set()
    outcomes = await asyncio.gather(first, *many, few, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [bool, int, WorkersBusy, WorkersBusy, int]
    assert (WorkersBusy.status, WorkersBusy.retry_after_seconds) == (529, 1.0)
    workers.close()


async def test_a_caller_that_is_cancelled_as_its_turn_comes_passes_it_on() -> None:
    workers = WorkerThreads(1)
    may_end = Event()
    first = asyncio.create_task(workers.run(may_end.wait))
    second, third = (asyncio.create_task(workers.run(int)) for _ in range(2))
    await asyncio.sleep(0)
    first.add_done_callback(lambda _: second.cancel())

    may_end.set()

    assert await third == 0
    assert second.cancelled() or second.done()
    workers.close()


async def test_a_caller_that_is_cancelled_just_before_its_turn_comes_does_not_stop_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workers, go_on = WorkerThreads(1), Event()
    running = asyncio.create_task(workers.run(go_on.wait))
    await asyncio.sleep(0)
    leaving, staying = (asyncio.create_task(workers.run(lambda: 7)) for _ in range(2))
    await asyncio.sleep(0)
    free = workers._free

    def leave_first() -> None:
        leaving.cancel()  # in this turn of the loop it has not left the queue yet
        free()

    monkeypatch.setattr(workers, "_free", leave_first)
    go_on.set()

    assert await running
    assert await staying == 7
    assert leaving.cancelled()
    workers.close()


async def test_what_is_large_is_done_in_a_thread_of_its_own() -> None:
    small, large = [await in_thread_if_large(size, current_thread) for size in (SHORT_BYTES, SHORT_BYTES + 1)]

    assert small is current_thread()
    assert large is not small
    assert large.daemon
