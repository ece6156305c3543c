"""One budget for what is kept and what is reserved."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.errors import MemoryExhausted
from anyclaude.memory_budget import MIN_CHECKED_BYTES, Keeper, MemoryBudget

UNIT = MIN_CHECKED_BYTES


class Shelf:
    """Keeps values of given sizes, the oldest of which is the least useful."""

    def __init__(self, budget: MemoryBudget, name: str) -> None:
        self.sizes: list[int] = []
        self.account: Keeper = budget.keeper(name, self.drop)

    def keep(self, size: int) -> None:
        self.sizes.append(size)
        self.account.change(size)

    def drop(self) -> None:
        if self.sizes:
            self.account.change(-self.sizes.pop(0))


@given(
    sizes=st.lists(st.integers(1, 10)),
    others=st.lists(st.integers(1, 10)),
    limit=st.integers(0, 50),
)
def test_what_is_kept_stays_under_the_limit_and_the_least_useful_goes_first(
    sizes: list[int], others: list[int], limit: int
) -> None:
    budget = MemoryBudget(limit)
    less, more = Shelf(budget, "less"), Shelf(budget, "more")
    for size in sizes:
        less.keep(size)
    for size in others:
        more.keep(size)

    budget.enforce()

    assert budget.kept == {"less": sum(less.sizes), "more": sum(more.sizes)}
    assert sum(budget.kept.values()) <= limit
    assert less.sizes == sizes[len(sizes) - len(less.sizes) :]
    assert more.sizes == others[len(others) - len(more.sizes) :]
    assert not less.sizes or more.sizes == others


def test_the_largest_request_does_not_count() -> None:
    budget = MemoryBudget(2 * UNIT)
    shelf = Shelf(budget, "values")
    shelf.keep(2 * UNIT)

    with budget.reserve(100 * UNIT):
        assert shelf.sizes
        with budget.reserve(2 * UNIT):
            assert not shelf.sizes, "kept values make room for a request"
            with pytest.raises(MemoryExhausted, match=str(2 * UNIT)[:3]) as refused:
                budget.reserve(UNIT)
            assert refused.value.is_transient
            assert budget.reserved_bytes == 102 * UNIT

    assert budget.reserved_bytes == 0


def test_a_reservation_grows_only_as_far_as_there_is_room() -> None:
    budget = MemoryBudget(3 * UNIT)
    with budget.reserve(50 * UNIT), budget.reserve() as growing:
        for _ in range(3):
            growing.grow(UNIT)
        with pytest.raises(MemoryExhausted):
            growing.grow(UNIT)
        assert growing.bytes == 3 * UNIT
        growing.shrink(UNIT)
        growing.grow(UNIT)


def test_a_request_with_little_claim_to_its_memory_is_ended_for_another() -> None:
    budget = MemoryBudget(2 * UNIT)
    idle = [budget.reserve(UNIT) for _ in range(3)]

    def give_up() -> bool:
        if idle:
            idle.pop().release()
            return True
        return False

    budget.give_up_a_request = give_up
    with budget.reserve(2 * UNIT), budget.reserve(UNIT):
        assert len(idle) == 1
        with pytest.raises(MemoryExhausted):
            budget.reserve(3 * UNIT)
        assert not idle


def test_a_keeper_that_cannot_drop_does_not_hold_the_budget_for_ever() -> None:
    budget = MemoryBudget(0)
    budget.keeper("stuck", lambda: None).change(10)

    budget.enforce()

    assert budget.kept == {"stuck": 10}


@given(changes=st.lists(st.tuples(st.integers(0, 3), st.integers(-4, 4)), max_size=40), limit=st.integers(0, 12))
def test_the_account_is_the_sum_of_the_reservations_but_the_largest(changes: list[tuple[int, int]], limit: int) -> None:
    budget = MemoryBudget(limit * UNIT)
    held = [budget.reserve() for _ in range(4)]
    for which, units in changes:
        reservation = held[which]
        if units < 0:
            reservation.shrink(min(-units * UNIT, reservation.bytes))
            continue
        others = sorted([each.bytes for each in held if each is not reservation] + [reservation.bytes + units * UNIT])
        try:
            reservation.grow(units * UNIT)
        except MemoryExhausted:
            assert sum(others[:-1]) > limit * UNIT
        else:
            assert units == 0 or sum(others[:-1]) <= limit * UNIT

    assert budget.reserved_bytes == sum(each.bytes for each in held)


def test_small_requests_have_room_beside_a_full_budget_but_not_without_end() -> None:
    budget = MemoryBudget(64 * UNIT)
    small = UNIT // 2
    with budget.reserve(100 * UNIT), budget.reserve(64 * UNIT):
        with pytest.raises(MemoryExhausted):
            budget.reserve(UNIT)
        for _ in range(32):
            budget.reserve(small)
        with pytest.raises(MemoryExhausted):
            for _ in range(4):
                budget.reserve(small)
