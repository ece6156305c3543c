"""The queue in front of one backend: turns, limits, held turns, and work for idle times."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.errors import QueueFull
from anyclaude.scheduling.admission import HOLD_SECONDS, Admission
from anyclaude.scheduling.queue import Priority, Requester


@dataclass
class QueuedRequest:
    """One request that waits for a turn and keeps it until the test finishes it."""

    conversation: str
    priority: Priority = Priority.MAIN
    expects_followup: bool = False
    task: "asyncio.Task[None]" = field(init=False)
    admitted: asyncio.Event = field(default_factory=asyncio.Event)
    may_finish: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def requester(self) -> Requester:
        return Requester(self.conversation, priority=self.priority)

    def start(self, admission: Admission, order: list["QueuedRequest"]) -> "QueuedRequest":
        """Queue the request; once admitted, it appends itself to `order`."""
        self.task = asyncio.create_task(self._run(admission, order))
        return self

    async def cancel(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def finish(self) -> None:
        self.may_finish.set()
        await self.task

    async def _run(self, admission: Admission, order: list["QueuedRequest"]) -> None:
        async with admission.turn(self.requester) as turn:
            order.append(self)
            self.admitted.set()
            await self.may_finish.wait()
            turn.expects_followup = self.expects_followup


@dataclass
class Timers:
    """Scheduled calls that run when the test expires them."""

    pending: "list[Timer]" = field(default_factory=list)

    def call_later(self, seconds: float, function: Callable[[], None]) -> "Timer":
        assert seconds == HOLD_SECONDS
        self.pending.append(Timer(self, function))
        return self.pending[-1]

    def expire(self) -> None:
        while self.pending:
            self.pending.pop(0).function()


@dataclass(eq=False)
class Timer:
    timers: Timers
    function: Callable[[], None]

    def cancel(self) -> None:
        if self in self.timers.pending:
            self.timers.pending.remove(self)


async def started(
    admission: Admission, order: list[QueuedRequest], conversations: Sequence[str]
) -> list[QueuedRequest]:
    """Start a request of each conversation, in this order."""
    requests = []
    for conversation in conversations:
        requests.append(QueuedRequest(conversation).start(admission, order))
        await settled()
    return requests


async def settled() -> None:
    """Run the event loop until no task can proceed."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_requests_beyond_the_parallel_limit_wait() -> None:
    admission = Admission(parallel=2, waiting_limit=10)
    order: list[QueuedRequest] = []
    requests = await started(admission, order, "aaa")

    assert order == requests[:2]
    assert (admission.running, admission.waiting) == (2, 1)
    for request in requests:
        await request.finish()
    assert (admission.running, admission.waiting) == (0, 0)
    assert order == requests


async def test_waiting_conversations_take_turns() -> None:
    admission = Admission(parallel=1, waiting_limit=10)
    order: list[QueuedRequest] = []
    requests = await started(admission, order, ["busy", "busy", "busy", "busy", "lone", "other"])

    for _ in requests:
        await order[-1].finish()
        await settled()

    assert [request.conversation for request in order] == ["busy", "lone", "other", "busy", "busy", "busy"]


async def test_a_request_beyond_the_waiting_limit_is_refused_with_a_retry_after() -> None:
    admission = Admission(parallel=1, waiting_limit=1)
    requests = await started(admission, [], "ab")

    with pytest.raises(QueueFull, match="the request queue is full: 1 waiting") as refused:
        async with admission.turn(Requester("c")):
            pass

    assert refused.value.retry_after_seconds is not None
    assert (admission.running, admission.waiting) == (1, 1)
    for request in requests:
        await request.finish()


async def test_with_a_waiting_limit_of_zero_only_requests_that_run_at_once_are_admitted() -> None:
    admission = Admission(parallel=1, waiting_limit=0)
    async with admission.turn(Requester("a")):
        with pytest.raises(QueueFull):
            async with admission.turn(Requester("b")):
                pass
    async with admission.turn(Requester("b")):
        running = admission.running

    assert running == 1


async def test_a_cancelled_request_leaves_the_queue_and_its_conversation_keeps_its_turn() -> None:
    admission = Admission(parallel=1, waiting_limit=3)
    order: list[QueuedRequest] = []
    first, cancelled, stays, other = await started(admission, order, ["a", "b", "b", "c"])
    await cancelled.cancel()

    assert admission.waiting == 2
    for request in (first, stays, other):
        await request.finish()
    assert order == [first, stays, other]


async def test_the_turn_of_a_request_cancelled_while_it_is_admitted_goes_to_the_next() -> None:
    admission = Admission(parallel=1, waiting_limit=3)
    order: list[QueuedRequest] = []
    first, cancelled, last = await started(admission, order, "abc")
    first.may_finish.set()
    await first.admitted.wait()
    await first.task
    await cancelled.cancel()

    await last.admitted.wait()

    await last.finish()
    assert (admission.running, admission.waiting) == (0, 0)


async def test_a_turn_ends_when_its_context_raises() -> None:
    admission = Admission(parallel=1, waiting_limit=0)
    with pytest.raises(ZeroDivisionError):
        async with admission.turn(Requester("a")):
            raise ZeroDivisionError

    async with admission.turn(Requester("a")):
        pass

    assert admission.running == 0


steps = st.lists(
    st.one_of(
        st.tuples(st.just("start"), st.integers(0, 23)),
        st.tuples(st.just("expire"), st.just(0)),
        st.tuples(st.just("cancel"), st.integers(0, 30)),
        st.tuples(st.just("finish"), st.integers(0, 30)),
        st.tuples(st.just("finish and cancel"), st.integers(0, 30)),
        st.tuples(st.just("settle"), st.just(0)),
    ),
    max_size=40,
)


@given(st.integers(1, 3), st.integers(0, 4), st.booleans(), steps)
def test_no_turn_is_lost_and_every_request_is_served(
    parallel: int, waiting_limit: int, evicts_prompts: bool, script: list[tuple[str, int]]
) -> None:
    asyncio.run(_run_script(parallel, waiting_limit, evicts_prompts, script))


async def _run_script(parallel: int, waiting_limit: int, evicts_prompts: bool, script: list[tuple[str, int]]) -> None:
    timers = Timers()
    admission = Admission(parallel, waiting_limit, evicts_prompts=evicts_prompts, call_later=timers.call_later)
    order: list[QueuedRequest] = []
    requests: list[QueuedRequest] = []
    for step, number in script:
        if step == "expire":
            timers.expire()
        await _step(step, number, admission, order, requests)
        running = [request for request in order if not request.task.done()]
        assert len(running) <= parallel
        assert admission.running + admission.held <= parallel
        assert admission.held == len(timers.pending)
        assert admission.waiting <= waiting_limit
    timers.expire()
    await settled()
    alive = [request for request in requests if not request.task.done()]
    assert admission.running == min(len(alive), parallel)
    assert admission.waiting == len(alive) - admission.running
    while alive := [request for request in requests if not request.task.done()]:
        served = [request for request in alive if request.admitted.is_set()]
        assert served, "requests are waiting, but none is served"
        await served[0].finish()
        timers.expire()
        await settled()
    assert (admission.running, admission.waiting) == (0, 0)
    ends = await asyncio.gather(*(request.task for request in requests), return_exceptions=True)
    assert all(isinstance(end, QueueFull | asyncio.CancelledError | None) for end in ends)


async def _step(
    step: str, number: int, admission: Admission, order: list[QueuedRequest], requests: list[QueuedRequest]
) -> None:
    if step == "start":
        request = QueuedRequest(f"conversation {number % 4}", Priority(number // 4 % 3), expects_followup=number >= 12)
        requests.append(request.start(admission, order))
    elif step in {"settle", "expire"}:
        await settled()
    elif requests:
        chosen = requests[number % len(requests)]
        if step != "cancel":
            chosen.may_finish.set()
        if step != "finish":
            chosen.task.cancel()
    await asyncio.sleep(0)


@dataclass
class IdleWork:
    """Work for idle times that runs until the test finishes it."""

    starts: int = 0
    was_cancelled: bool = False
    may_finish: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        self.starts += 1
        try:
            await self.may_finish.wait()
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise


async def test_idle_work_runs_while_the_backend_is_idle() -> None:
    admission, work = Admission(parallel=1, waiting_limit=1), IdleWork()
    work.may_finish.set()

    assert await admission.run_when_idle(work.run)
    assert work.starts == 1


async def test_a_request_cancels_idle_work_and_does_not_wait_for_it() -> None:
    admission, work = Admission(parallel=2, waiting_limit=1), IdleWork()
    idle = asyncio.create_task(admission.run_when_idle(work.run))
    await settled()
    async with admission.turn(Requester("a")):
        await settled()

        assert work.was_cancelled
        assert await idle is False


async def test_idle_work_starts_when_the_last_request_has_finished() -> None:
    admission, work, order = Admission(parallel=2, waiting_limit=2), IdleWork(), list[QueuedRequest]()
    requests = await started(admission, order, "abc")
    idle = asyncio.create_task(admission.run_when_idle(work.run))
    for request in requests:
        await settled()
        assert work.starts == 0
        await request.finish()
    await settled()

    assert work.starts == 1
    work.may_finish.set()
    assert await idle


async def test_idle_work_runs_one_after_another() -> None:
    admission, one, other = Admission(parallel=1, waiting_limit=1), IdleWork(), IdleWork()
    tasks = [asyncio.create_task(admission.run_when_idle(work.run)) for work in (one, other)]
    await settled()

    assert (one.starts, other.starts) == (1, 0)
    one.may_finish.set()
    other.may_finish.set()
    assert await asyncio.gather(*tasks) == [True, True]


async def test_an_error_in_idle_work_is_raised_and_leaves_the_backend_free() -> None:
    admission = Admission(parallel=1, waiting_limit=1)

    async def fail() -> None:
        raise QueueFull("some failure", 1.0)

    with pytest.raises(QueueFull):
        await admission.run_when_idle(fail)
    async with admission.turn(Requester("a")):
        assert admission.running == 1


async def test_cancelling_the_wait_for_idle_work_cancels_the_work() -> None:
    admission, work = Admission(parallel=1, waiting_limit=1), IdleWork()
    idle = asyncio.create_task(admission.run_when_idle(work.run))
    await settled()
    idle.cancel()
    await asyncio.gather(idle, return_exceptions=True)

    assert work.was_cancelled


async def after_a_tool_call(*waiting: QueuedRequest) -> tuple[Admission, Timers, list[QueuedRequest]]:
    """Return the admission of a backend that evicts prompts, after a tool call, with `waiting` in its queue."""
    timers, order = Timers(), list[QueuedRequest]()
    admission = Admission(1, 9, evicts_prompts=True, call_later=timers.call_later)
    main = QueuedRequest("main", expects_followup=True).start(admission, order)
    await settled()
    for request in waiting:
        request.start(admission, order)
        await settled()
    await main.finish()
    await settled()
    return admission, timers, order


async def test_a_backend_that_evicts_prompts_is_held_for_a_conversation_that_called_a_tool() -> None:
    admission, timers, order = await after_a_tool_call(other := QueuedRequest("other"))
    assert (admission.running, admission.held, admission.waiting) == (0, 1, 1)
    follow_up = QueuedRequest("main").start(admission, order)
    await settled()

    assert order[1:] == [follow_up]
    assert (admission.held, timers.pending) == (0, [])
    await follow_up.finish()
    await other.finish()


async def test_a_held_turn_that_expires_goes_to_the_next_request() -> None:
    admission, timers, order = await after_a_tool_call(other := QueuedRequest("other"))
    timers.expire()
    await settled()

    assert order[1:] == [other]
    await other.finish()
    assert (admission.running, admission.held) == (0, 0)


async def test_a_more_urgent_request_does_not_wait_for_a_held_turn() -> None:
    for is_waiting in (True, False):
        timers, order = Timers(), list[QueuedRequest]()
        admission = Admission(1, 9, evicts_prompts=True, call_later=timers.call_later)
        agent = QueuedRequest("agent", Priority.SUBAGENT, expects_followup=True).start(admission, order)
        await settled()
        main = QueuedRequest("main")
        if is_waiting:
            main.start(admission, order)
        await settled()
        await agent.finish()
        if not is_waiting:
            assert admission.held == 1
            main.start(admission, order)
        await settled()

        assert (order[1:], admission.held, timers.pending) == ([main], 0, [])
        await main.finish()


async def test_no_turn_is_held_for_a_backend_that_does_not_evict_prompts() -> None:
    order = list[QueuedRequest]()
    admission = Admission(1, 9, call_later=Timers().call_later)
    main, other = QueuedRequest("main", expects_followup=True).start(admission, order), QueuedRequest("other")
    await settled()
    other.start(admission, order)
    await settled()
    await main.finish()
    await settled()

    assert order[1:] == [other]
    await other.finish()


async def test_idle_work_starts_when_no_turn_is_held() -> None:
    admission, timers, _ = await after_a_tool_call()
    work = IdleWork()
    idle = asyncio.create_task(admission.run_when_idle(work.run))
    await settled()
    assert work.starts == 0

    timers.expire()
    await settled()

    assert work.starts == 1
    work.may_finish.set()
    assert await idle


async def test_a_server_that_serves_more_at_once_than_before_gets_what_waits() -> None:
    admission, order = Admission(1, 3), list[QueuedRequest]()
    first, second, third = (QueuedRequest(name).start(admission, order) for name in "abc")
    await first.admitted.wait()

    admission.adapt(2, evicts_prompts=False)
    await second.admitted.wait()

    assert (admission.running, admission.waiting) == (2, 1)
    for request in (first, second, third):
        await request.finish()
    assert admission.running == 0


async def test_a_server_that_evicts_prompts_in_place_of_one_that_does_not_has_its_turns_held() -> None:
    admission = Admission(1, 3, call_later=Timers().call_later)
    admission.adapt(1, evicts_prompts=True)
    request = QueuedRequest("a", expects_followup=True).start(admission, [])
    await request.finish()

    assert admission.held == 1
