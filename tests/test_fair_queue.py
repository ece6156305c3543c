"""Clients share what they wait for by its size."""

from hypothesis import given
from hypothesis import strategies as st

from anyclaude.fair_queue import FairQueue

JOBS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 9)), max_size=30)


def served(queue: FairQueue[str]) -> list[str]:
    return [queue.pop() for _ in range(len(queue))]


def test_clients_take_turns() -> None:
    queue = FairQueue[str]()
    for item, client in (("a1", "a"), ("a2", "a"), ("a3", "a"), ("b1", "b"), ("b2", "b")):
        queue.join(item, client, 10)

    assert served(queue) == ["a1", "b1", "a2", "b2", "a3"]


def test_what_is_small_passes_what_is_large() -> None:
    queue = FairQueue[str]()
    for item, client, size in (("large", "a", 100), ("also large", "b", 100), ("small", "c", 1)):
        queue.join(item, client, size)

    assert served(queue) == ["small", "large", "also large"]


def test_many_small_ones_do_not_pass_a_large_one_for_ever() -> None:
    queue = FairQueue[str]()
    queue.join("large", "a", 100)
    for _ in range(1_000):
        queue.join("small", "b", 10)

    assert served(queue).index("large") <= 10


def test_a_client_that_has_waited_for_nothing_has_no_credit() -> None:
    queue = FairQueue[str]()
    for _ in range(9):
        queue.join("a", "a", 10)
        queue.pop()
    for client in "ab" * 3:
        queue.join(client, client, 10)

    assert served(queue) == ["a", "b"] * 3


def test_the_last_is_the_newest_of_the_client_with_the_most() -> None:
    queue = FairQueue[str]()
    for item in ("a1", "a2", "b1"):
        queue.join(item, item[0], 10)

    assert queue.pop_last() == "a2"
    assert served(queue) == ["a1", "b1"]


@given(JOBS)
def test_a_client_s_own_are_served_in_their_order_and_none_is_lost(jobs: list[tuple[str, int]]) -> None:
    queue = FairQueue[tuple[int, str]]()
    entries = [queue.join((number, client), client, size) for number, (client, size) in enumerate(jobs)]
    for entry in entries[::3]:
        queue.leave(entry)

    order = [queue.pop() for _ in range(len(queue))]

    assert sorted(order) == [entry.item for number, entry in enumerate(entries) if number % 3]
    for client in "abc":
        own = [number for number, name in order if name == client]
        assert own == sorted(own)
