"""The order in which waiting requests are served."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from anyclaude.scheduling.queue import MAX_SESSIONS, Priority, Requester, RequestQueue

MAIN, AGENT, AUXILIARY = (Requester(name, "s", priority) for name, priority in zip("mab", Priority, strict=True))

requesters = st.builds(
    Requester, st.sampled_from(["a", "b", "c", "d"]), st.sampled_from(["s", "t"]), st.sampled_from(Priority)
)


def served(queue: RequestQueue, count: int) -> list[Requester]:
    """Serve the next `count` requests, and return their requesters."""
    requesters = []
    for _ in range(count):
        entry = queue.pop()
        assert entry is not None
        queue.record_turn(entry.requester, entry)
        requesters.append(entry.requester)
    return requesters


def queue_of(waiting: Sequence[Requester], *, evicts_prompts: bool = False, max_overtaken: int = 16) -> RequestQueue:
    queue = RequestQueue(evicts_prompts=evicts_prompts, max_overtaken=max_overtaken)
    for requester in waiting:
        queue.join(requester)
    return queue


def test_the_main_conversation_comes_before_sub_agents_and_auxiliary_calls_come_last() -> None:
    assert served(queue_of([AUXILIARY, AGENT, MAIN]), 3) == [MAIN, AGENT, AUXILIARY]


def test_sessions_take_turns_regardless_of_their_number_of_conversations() -> None:
    crowd = [Requester(f"agent {number}", "big", Priority.SUBAGENT) for number in range(3)]
    lone = Requester("agent", "small", Priority.SUBAGENT)

    assert served(queue_of([*crowd, lone]), 4) == [crowd[0], lone, crowd[1], crowd[2]]


def test_if_prompts_are_evicted_the_conversation_served_last_comes_first() -> None:
    one, other = Requester("one", "s"), Requester("other", "t")

    assert served(queue_of([one, other, one]), 3) == [one, other, one]
    assert served(queue_of([one, other, one], evicts_prompts=True), 3) == [one, one, other]


@given(st.lists(requesters, min_size=1, max_size=12), st.booleans())
def test_no_request_is_served_before_one_of_higher_priority(waiting: list[Requester], evicts_prompts: bool) -> None:
    order = served(queue_of(waiting, evicts_prompts=evicts_prompts), len(waiting))

    assert [one.priority for one in order] == sorted(one.priority for one in waiting)


@given(st.lists(requesters, min_size=1, max_size=60), requesters, st.booleans(), st.integers(1, 4), st.integers(0, 5))
def test_the_number_of_later_requests_served_first_is_limited(
    later: list[Requester], waiting: Requester, evicts_prompts: bool, max_overtaken: int, ahead: int
) -> None:
    queue = queue_of([waiting] * ahead, evicts_prompts=evicts_prompts, max_overtaken=max_overtaken)
    entry = queue.join(waiting)
    served_before = 0
    for requester in later:
        queue.join(requester)
        following = queue.pop()
        assert following is not None
        queue.record_turn(following.requester, following)
        if following is entry:
            break
        served_before += 1

    assert served_before <= ahead + max_overtaken


def test_a_request_served_without_waiting_overtakes_all_that_wait() -> None:
    queue = queue_of([AUXILIARY], max_overtaken=1)
    queue.record_turn(MAIN)
    queue.join(MAIN)

    assert queue.has_more_urgent(MAIN)
    assert served(queue, 2) == [AUXILIARY, MAIN]


def test_higher_priority_and_the_same_conversation_are_more_urgent() -> None:
    assert queue_of([MAIN]).has_more_urgent(AGENT)
    assert queue_of([AGENT]).has_more_urgent(AGENT)
    assert not queue_of([AGENT]).has_more_urgent(MAIN)
    assert not RequestQueue().has_more_urgent(MAIN)


def test_a_request_that_has_left_the_queue_is_not_served() -> None:
    queue = RequestQueue()
    left, stays = queue.join(MAIN), queue.join(AGENT)
    queue.leave(left)
    queue.leave(left)

    assert queue.pop() is stays
    assert queue.pop() is None


def test_the_last_turns_of_a_limited_number_of_sessions_are_remembered() -> None:
    queue = RequestQueue()
    old = Requester("old", "old")
    queue.record_turn(old)
    for number in range(MAX_SESSIONS):
        queue.record_turn(Requester(f"{number}", f"{number}"))
    queue.join(Requester("0", "0"))
    queue.join(old)

    assert served(queue, 1) == [old]
