"""The fair queue: never too many, nobody forgotten, nobody starved."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.errors import QueueFull
from anyclaude.scheduling import Admission


class Guest:
    """One request: waits for its turn, then holds it until it is told to go."""

    def __init__(self, admission: Admission, conversation: str, arrived: Callable[["Guest"], None]) -> None:
        self.conversation = conversation
        self.leave = asyncio.Event()
        self._arrived = arrived
        self.task = asyncio.create_task(self._stay(admission))

    async def _stay(self, admission: Admission) -> None:
        async with admission.turn(self.conversation):
            self._arrived(self)
            await self.leave.wait()


async def settle() -> None:
    """Let every task run until it waits."""
    for _ in range(10):
        await asyncio.sleep(0)


async def visit(admission: Admission, conversations: str) -> tuple[list[Guest], list[Guest]]:
    """Let one guest per letter come, in this order; return them, and those that were let in, as they were."""
    inside: list[Guest] = []
    guests = [Guest(admission, conversation, inside.append) for conversation in conversations]
    await settle()
    return guests, inside


async def send_home(guests: list[Guest]) -> None:
    for guest in guests:
        guest.leave.set()
    await asyncio.gather(*(guest.task for guest in guests), return_exceptions=True)


async def test_no_more_run_than_the_backend_serves() -> None:
    admission = Admission(parallel=2, waiting_limit=9)
    guests, inside = await visit(admission, "abcd")

    assert [guest.conversation for guest in inside] == ["a", "b"]
    assert (admission.running, admission.waiting) == (2, 2)
    await send_home(guests)


async def test_a_conversation_that_fans_out_does_not_starve_another() -> None:
    admission = Admission(parallel=1, waiting_limit=9)
    guests, inside = await visit(admission, "xaaaab")
    for _ in range(6):
        inside[-1].leave.set()
        await settle()

    assert "".join(guest.conversation for guest in inside) == "xabaaa"
    await send_home(guests)


async def test_past_the_bound_a_request_is_refused_with_the_time_to_wait() -> None:
    admission = Admission(parallel=1, waiting_limit=1)
    guests, _ = await visit(admission, "ab")

    with pytest.raises(QueueFull) as refused:
        async with admission.turn("c"):
            pass
    assert refused.value.status == 429
    assert refused.value.retry_after_seconds is not None
    await send_home(guests)


async def test_a_request_that_is_taken_back_leaves_the_queue() -> None:
    admission = Admission(parallel=1, waiting_limit=1)
    guests, inside = await visit(admission, "ab")
    guests[1].task.cancel()
    await settle()
    late, _ = await visit(admission, "c")
    guests[0].leave.set()
    await settle()

    assert [guest.conversation for guest in inside] == ["a"]
    assert admission.running == 1
    await send_home([guests[0], *late])
    assert admission.running == 0


async def test_a_turn_that_comes_as_the_request_is_taken_back_goes_to_the_next() -> None:
    admission = Admission(parallel=1, waiting_limit=9)
    guests, inside = await visit(admission, "abc")
    guests[0].leave.set()
    await asyncio.sleep(0)  # the turn is handed to b, whose task has not run yet
    guests[1].task.cancel()
    await settle()

    assert inside[-1].conversation == "c"
    await send_home(guests)
    assert admission.running == 0


@given(
    st.integers(1, 3), st.lists(st.tuples(st.sampled_from(["come", "go", "cancel"]), st.integers(0, 9)), max_size=40)
)
def test_turns_are_neither_lost_nor_made(parallel: int, steps: list[tuple[str, int]]) -> None:
    async def play() -> None:
        admission = Admission(parallel, waiting_limit=99)
        guests: list[Guest] = []
        for action, number in steps:
            staying = [guest for guest in guests if not guest.task.done()]
            match action:
                case "come":
                    guests.append(Guest(admission, str(number % 3), lambda guest: None))
                case "go" if staying:
                    staying[number % len(staying)].leave.set()
                case "cancel" if staying:
                    staying[number % len(staying)].task.cancel()
                case _:
                    pass
            if number % 2:
                await settle()
            assert admission.running <= parallel
        await send_home(guests)

        assert (admission.running, admission.waiting) == (0, 0)

    asyncio.run(play())
