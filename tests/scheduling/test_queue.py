"""Who is next."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from anyclaude.scheduling.queue import MAX_SESSIONS, Priority, Requester, RequestQueue

MAIN, AGENT, AUXILIARY = (Requester(name, "s", priority) for name, priority in zip("mab", Priority, strict=True))

applicants = st.builds(
    Requester, st.sampled_from(["a", "b", "c", "d"]), st.sampled_from(["s", "t"]), st.sampled_from(Priority)
)


def called(queue: RequestQueue, count: int) -> list[Requester]:
    names = []
    for _ in range(count):
        entry = queue.pop()
        assert entry is not None
        queue.record_turn(entry.requester, entry)
        names.append(entry.requester)
    return names


def row_of(waiting: Sequence[Requester], *, evicts_prompts: bool = False, max_overtaken: int = 16) -> RequestQueue:
    queue = RequestQueue(evicts_prompts=evicts_prompts, max_overtaken=max_overtaken)
    for requester in waiting:
        queue.join(requester)
    return queue


def test_the_user_comes_before_sub_agents_and_these_before_side_calls() -> None:
    assert called(row_of([AUXILIARY, AGENT, MAIN]), 3) == [MAIN, AGENT, AUXILIARY]


def test_sessions_take_turns_however_many_conversations_one_has() -> None:
    crowd = [Requester(f"agent {number}", "big", Priority.SUBAGENT) for number in range(3)]
    lone = Requester("agent", "small", Priority.SUBAGENT)

    assert called(row_of([*crowd, lone]), 4) == [crowd[0], lone, crowd[1], crowd[2]]


def test_where_servers_forget_the_conversation_that_was_served_last_goes_on() -> None:
    one, other = Requester("one", "s"), Requester("other", "t")

    assert called(row_of([one, other, one]), 3) == [one, other, one]
    assert called(row_of([one, other, one], evicts_prompts=True), 3) == [one, one, other]


@given(st.lists(applicants, min_size=1, max_size=12), st.booleans())
def test_nobody_is_called_before_somebody_more_urgent_who_waits(waiting: list[Requester], evicts_prompts: bool) -> None:
    order = called(row_of(waiting, evicts_prompts=evicts_prompts), len(waiting))

    assert [one.priority for one in order] == sorted(one.priority for one in waiting)


@given(st.lists(applicants, min_size=1, max_size=60), applicants, st.booleans(), st.integers(1, 4), st.integers(0, 5))
def test_nobody_is_passed_over_for_ever(
    coming: list[Requester], patient: Requester, evicts_prompts: bool, most: int, ahead: int
) -> None:
    queue = row_of([patient] * ahead, evicts_prompts=evicts_prompts, max_overtaken=most)
    entry = queue.join(patient)
    served_before = 0
    for requester in coming:
        queue.join(requester)
        following = queue.pop()
        assert following is not None
        queue.record_turn(following.requester, following)
        if following is entry:
            break
        served_before += 1

    assert served_before <= ahead + most


def test_who_is_served_without_waiting_passes_all_who_wait() -> None:
    queue = row_of([AUXILIARY], max_overtaken=1)
    queue.record_turn(MAIN)
    queue.join(MAIN)

    assert queue.has_more_urgent(MAIN)
    assert called(queue, 2) == [AUXILIARY, MAIN]


def test_a_turn_is_kept_from_nobody_more_urgent_and_not_from_its_own_conversation() -> None:
    assert row_of([MAIN]).has_more_urgent(AGENT)
    assert row_of([AGENT]).has_more_urgent(AGENT)
    assert not row_of([AGENT]).has_more_urgent(MAIN)
    assert not RequestQueue().has_more_urgent(MAIN)


def test_who_has_left_is_not_called() -> None:
    queue = RequestQueue()
    gone, stays = queue.join(MAIN), queue.join(AGENT)
    queue.leave(gone)
    queue.leave(gone)

    assert queue.pop() is stays
    assert queue.pop() is None


def test_only_so_many_sessions_are_remembered() -> None:
    queue = RequestQueue()
    old = Requester("old", "old")
    queue.record_turn(old)
    for number in range(MAX_SESSIONS):
        queue.record_turn(Requester(f"{number}", f"{number}"))
    queue.join(Requester("0", "0"))
    queue.join(old)

    assert called(queue, 1) == [old]
