"""The fair queue in front of one backend."""

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
class Visitor:
    """One request that takes a turn and holds it until it is told to finish."""

    conversation: str
    priority: Priority = Priority.MAIN
    expects_followup: bool = False
    task: "asyncio.Task[None]" = field(init=False)
    admitted: asyncio.Event = field(default_factory=asyncio.Event)
    may_finish: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def requester(self) -> Requester:
        return Requester(self.conversation, priority=self.priority)

    def arrive(self, admission: Admission, order: list["Visitor"]) -> "Visitor":
        self.task = asyncio.create_task(self._visit(admission, order))
        return self

    async def leave(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def finish(self) -> None:
        self.may_finish.set()
        await self.task

    async def _visit(self, admission: Admission, order: list["Visitor"]) -> None:
        async with admission.turn(self.requester) as turn:
            order.append(self)
            self.admitted.set()
            await self.may_finish.wait()
            turn.expects_followup = self.expects_followup


@dataclass
class Timers:
    """What was put off, and is done when the test says so."""

    pending: "list[Timer]" = field(default_factory=list)

    def call_later(self, seconds: float, work: Callable[[], None]) -> "Timer":
        assert seconds == HOLD_SECONDS
        self.pending.append(Timer(self, work))
        return self.pending[-1]

    def expire(self) -> None:
        while self.pending:
            self.pending.pop(0).work()


@dataclass(eq=False)
class Timer:
    timers: Timers
    work: Callable[[], None]

    def cancel(self) -> None:
        if self in self.timers.pending:
            self.timers.pending.remove(self)


async def arrivals(admission: Admission, order: list[Visitor], conversations: Sequence[str]) -> list[Visitor]:
    visitors = []
    for conversation in conversations:
        visitors.append(Visitor(conversation).arrive(admission, order))
        await settled()
    return visitors


async def settled() -> None:
    """Let everything that can happen now happen."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_as_many_as_the_backend_serves_run_and_the_rest_wait() -> None:
    admission = Admission(parallel=2, waiting_limit=10)
    order: list[Visitor] = []
    visitors = await arrivals(admission, order, "aaa")

    assert order == visitors[:2]
    assert (admission.running, admission.waiting) == (2, 1)
    for visitor in visitors:
        await visitor.finish()
    assert (admission.running, admission.waiting) == (0, 0)
    assert order == visitors


async def test_conversations_that_wait_take_turns() -> None:
    admission = Admission(parallel=1, waiting_limit=10)
    order: list[Visitor] = []
    visitors = await arrivals(admission, order, ["busy", "busy", "busy", "busy", "lone", "other"])

    for _ in visitors:
        await order[-1].finish()
        await settled()

    assert [visitor.conversation for visitor in order] == ["busy", "lone", "other", "busy", "busy", "busy"]


async def test_one_too_many_is_refused_and_told_when_to_come_back() -> None:
    admission = Admission(parallel=1, waiting_limit=1)
    visitors = await arrivals(admission, [], "ab")

    with pytest.raises(QueueFull, match="the request queue is full: 1 waiting") as refused:
        async with admission.turn(Requester("c")):
            pass

    assert refused.value.retry_after_seconds is not None
    assert (admission.running, admission.waiting) == (1, 1)
    for visitor in visitors:
        await visitor.finish()


async def test_with_no_room_to_wait_only_those_who_are_served_at_once_get_in() -> None:
    admission = Admission(parallel=1, waiting_limit=0)
    async with admission.turn(Requester("a")):
        with pytest.raises(QueueFull):
            async with admission.turn(Requester("b")):
                pass
    async with admission.turn(Requester("b")):
        running = admission.running

    assert running == 1


async def test_who_leaves_the_queue_makes_room_and_costs_its_conversation_nothing() -> None:
    admission = Admission(parallel=1, waiting_limit=3)
    order: list[Visitor] = []
    first, gone, stays, other = await arrivals(admission, order, ["a", "b", "b", "c"])
    await gone.leave()

    assert admission.waiting == 2
    for visitor in (first, stays, other):
        await visitor.finish()
    assert order == [first, stays, other]


async def test_a_turn_that_comes_in_the_moment_of_leaving_is_passed_on() -> None:
    admission = Admission(parallel=1, waiting_limit=3)
    order: list[Visitor] = []
    first, gone, last = await arrivals(admission, order, "abc")
    first.may_finish.set()
    await first.admitted.wait()
    await first.task
    gone.task.cancel()
    await asyncio.gather(gone.task, return_exceptions=True)

    await last.admitted.wait()

    await last.finish()
    assert (admission.running, admission.waiting) == (0, 0)


async def test_a_turn_ends_with_whatever_ends_it() -> None:
    admission = Admission(parallel=1, waiting_limit=0)
    with pytest.raises(ZeroDivisionError):
        async with admission.turn(Requester("a")):
            raise ZeroDivisionError

    async with admission.turn(Requester("a")):
        pass

    assert admission.running == 0


steps = st.lists(
    st.one_of(
        st.tuples(st.just("arrive"), st.integers(0, 23)),
        st.tuples(st.just("expire"), st.just(0)),
        st.tuples(st.just("leave"), st.integers(0, 30)),
        st.tuples(st.just("finish"), st.integers(0, 30)),
        st.tuples(st.just("finish and leave"), st.integers(0, 30)),
        st.tuples(st.just("settle"), st.just(0)),
    ),
    max_size=40,
)


@given(st.integers(1, 3), st.integers(0, 4), st.booleans(), steps)
def test_whatever_comes_and_goes_no_turn_is_lost_and_nobody_starves(
    parallel: int, waiting_limit: int, evicts_prompts: bool, script: list[tuple[str, int]]
) -> None:
    asyncio.run(_played(parallel, waiting_limit, evicts_prompts, script))


async def _played(parallel: int, waiting_limit: int, evicts_prompts: bool, script: list[tuple[str, int]]) -> None:
    timers = Timers()
    admission = Admission(parallel, waiting_limit, evicts_prompts=evicts_prompts, call_later=timers.call_later)
    order: list[Visitor] = []
    visitors: list[Visitor] = []
    for step, number in script:
        if step == "expire":
            timers.expire()
        await _step(step, number, admission, order, visitors)
        held = [visitor for visitor in order if not visitor.task.done()]
        assert len(held) <= parallel
        assert admission.running + admission.held <= parallel
        assert admission.held == len(timers.pending)
        assert admission.waiting <= waiting_limit
    timers.expire()
    await settled()
    alive = [visitor for visitor in visitors if not visitor.task.done()]
    assert admission.running == min(len(alive), parallel)
    assert admission.waiting == len(alive) - admission.running
    while alive := [visitor for visitor in visitors if not visitor.task.done()]:
        served = [visitor for visitor in alive if visitor.admitted.is_set()]
        assert served, "somebody waits, and nobody is served"
        await served[0].finish()
        timers.expire()
        await settled()
    assert (admission.running, admission.waiting) == (0, 0)
    ends = await asyncio.gather(*(visitor.task for visitor in visitors), return_exceptions=True)
    assert all(isinstance(end, QueueFull | asyncio.CancelledError | None) for end in ends)


async def _step(step: str, number: int, admission: Admission, order: list[Visitor], visitors: list[Visitor]) -> None:
    if step == "arrive":
        visitor = Visitor(f"conversation {number % 4}", Priority(number // 4 % 3), expects_followup=number >= 12)
        visitors.append(visitor.arrive(admission, order))
    elif step in {"settle", "expire"}:
        await settled()
    elif visitors:
        chosen = visitors[number % len(visitors)]
        if step != "leave":
            chosen.may_finish.set()
        if step != "finish":
            chosen.task.cancel()
    await asyncio.sleep(0)


@dataclass
class Pastime:
    """Something that nobody waits for, and that takes as long as it is let."""

    began: int = 0
    was_ended: bool = False
    may_finish: asyncio.Event = field(default_factory=asyncio.Event)

    async def work(self) -> None:
        self.began += 1
        try:
            await self.may_finish.wait()
        except asyncio.CancelledError:
            self.was_ended = True
            raise


async def test_what_nobody_waits_for_is_done_while_the_backend_is_idle() -> None:
    admission, pastime = Admission(parallel=1, waiting_limit=1), Pastime()
    pastime.may_finish.set()

    assert await admission.run_when_idle(pastime.work)
    assert pastime.began == 1


async def test_whoever_comes_ends_what_nobody_waits_for_and_does_not_wait_for_it() -> None:
    admission, pastime = Admission(parallel=2, waiting_limit=1), Pastime()
    spare = asyncio.create_task(admission.run_when_idle(pastime.work))
    await settled()
    async with admission.turn(Requester("a")):
        await settled()

        assert pastime.was_ended
        assert await spare is False


async def test_what_nobody_waits_for_begins_when_the_last_request_has_left() -> None:
    admission, pastime, order = Admission(parallel=2, waiting_limit=2), Pastime(), list[Visitor]()
    visitors = await arrivals(admission, order, "abc")
    spare = asyncio.create_task(admission.run_when_idle(pastime.work))
    for visitor in visitors:
        await settled()
        assert pastime.began == 0
        await visitor.finish()
    await settled()

    assert pastime.began == 1
    pastime.may_finish.set()
    assert await spare


async def test_of_two_things_that_nobody_waits_for_one_is_done_after_the_other() -> None:
    admission, one, other = Admission(parallel=1, waiting_limit=1), Pastime(), Pastime()
    tasks = [asyncio.create_task(admission.run_when_idle(pastime.work)) for pastime in (one, other)]
    await settled()

    assert (one.began, other.began) == (1, 0)
    one.may_finish.set()
    other.may_finish.set()
    assert await asyncio.gather(*tasks) == [True, True]


async def test_what_goes_wrong_in_spare_time_is_told_and_leaves_the_backend_free() -> None:
    admission = Admission(parallel=1, waiting_limit=1)

    async def fail() -> None:
        raise QueueFull("some failure", 1.0)

    with pytest.raises(QueueFull):
        await admission.run_when_idle(fail)
    async with admission.turn(Requester("a")):
        assert admission.running == 1


async def test_who_gives_up_waiting_for_spare_time_takes_the_work_along() -> None:
    admission, pastime = Admission(parallel=1, waiting_limit=1), Pastime()
    spare = asyncio.create_task(admission.run_when_idle(pastime.work))
    await settled()
    spare.cancel()
    await asyncio.gather(spare, return_exceptions=True)

    assert pastime.was_ended


async def after_a_tool_call(*waiting: Visitor) -> tuple[Admission, Timers, list[Visitor]]:
    """Return a forgetful backend whose last reply called a tool, while others came and wait."""
    timers, order = Timers(), list[Visitor]()
    admission = Admission(1, 9, evicts_prompts=True, call_later=timers.call_later)
    caller = Visitor("main", expects_followup=True).arrive(admission, order)
    await settled()
    for visitor in waiting:
        visitor.arrive(admission, order)
        await settled()
    await caller.finish()
    await settled()
    return admission, timers, order


async def test_a_backend_that_forgets_is_kept_for_the_conversation_whose_tool_runs() -> None:
    admission, timers, order = await after_a_tool_call(other := Visitor("other"))
    assert (admission.running, admission.held, admission.waiting) == (0, 1, 1)
    follow_up = Visitor("main").arrive(admission, order)
    await settled()

    assert order[1:] == [follow_up]
    assert (admission.held, timers.pending) == (0, [])
    await follow_up.finish()
    await other.finish()


async def test_a_turn_that_is_kept_in_vain_goes_to_whoever_waits() -> None:
    admission, timers, order = await after_a_tool_call(other := Visitor("other"))
    timers.expire()
    await settled()

    assert order[1:] == [other]
    await other.finish()
    assert (admission.running, admission.held) == (0, 0)


async def test_no_turn_is_kept_from_what_is_more_urgent() -> None:
    for arrives_first in (True, False):
        timers, order = Timers(), list[Visitor]()
        admission = Admission(1, 9, evicts_prompts=True, call_later=timers.call_later)
        agent = Visitor("agent", Priority.SUBAGENT, expects_followup=True).arrive(admission, order)
        await settled()
        main = Visitor("main")
        if arrives_first:
            main.arrive(admission, order)
        await settled()
        await agent.finish()
        if not arrives_first:
            assert admission.held == 1
            main.arrive(admission, order)
        await settled()

        assert (order[1:], admission.held, timers.pending) == ([main], 0, [])
        await main.finish()


async def test_a_backend_that_keeps_what_it_has_read_is_never_left_idle() -> None:
    order = list[Visitor]()
    admission = Admission(1, 9, call_later=Timers().call_later)
    caller, other = Visitor("main", expects_followup=True).arrive(admission, order), Visitor("other")
    await settled()
    other.arrive(admission, order)
    await settled()
    await caller.finish()
    await settled()

    assert order[1:] == [other]
    await other.finish()


async def test_spare_time_begins_when_no_turn_is_kept_any_more() -> None:
    admission, timers, _ = await after_a_tool_call()
    pastime = Pastime()
    spare = asyncio.create_task(admission.run_when_idle(pastime.work))
    await settled()
    assert pastime.began == 0

    timers.expire()
    await settled()

    assert pastime.began == 1
    pastime.may_finish.set()
    assert await spare
