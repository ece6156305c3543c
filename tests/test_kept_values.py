"""A dictionary whose account in the budget is always the sum of what it keeps."""

import tracemalloc
from typing import Literal, TypeAlias

from hypothesis import given
from hypothesis import strategies as st

from anyclaude.kept_values import ENTRY_BYTES, KeptValues
from anyclaude.memory_budget import MemoryBudget

Action: TypeAlias = tuple[Literal["keep", "use", "drop", "pop", "enforce", "clear"], str, int]

actions = st.tuples(
    st.sampled_from(["keep", "keep", "keep", "use", "drop", "pop", "enforce", "clear"]),
    st.sampled_from("abcdef"),
    st.integers(0, 500),
)


def kept_in(budget: MemoryBudget, max_bytes: int | None = None, max_entries: int | None = None) -> KeptValues[str, int]:
    """Return a dictionary in which each value is its own size."""
    return KeptValues("values", budget, lambda _, value: value, max_bytes=max_bytes, max_entries=max_entries)


@given(
    st.lists(actions),
    st.integers(0, 3000),
    st.one_of(st.none(), st.integers(0, 3000)),
    st.one_of(st.none(), st.integers(0, 4)),
)
def test_the_account_is_the_sum_of_what_is_kept_and_stays_within_every_limit(
    played: list[Action], limit: int, max_bytes: int | None, max_entries: int | None
) -> None:
    budget = MemoryBudget(limit)
    values = kept_in(budget, max_bytes, max_entries)
    for action, key, size in played:
        match action:
            case "keep":
                values.keep(key, size)
            case "use":
                assert values.used(key) == values.get(key)
            case "drop":
                values.drop(key)
            case "pop":
                values.pop_least_useful()
            case "enforce":
                budget.enforce()
                assert budget.kept["values"] <= limit
            case "clear":
                values.clear()
                assert not values

        assert budget.kept["values"] == values.bytes == sum(ENTRY_BYTES + value for value in values.values())
        assert values.all() == tuple(values.values())
        assert max_bytes is None or values.bytes <= max_bytes
        assert max_entries is None or len(values) <= max_entries


def test_what_was_used_last_is_dropped_last() -> None:
    values = kept_in(MemoryBudget(), max_entries=3)
    for key in "abc":
        values.keep(key, 1)
    values.used("a")
    values.keep("d", 1)

    assert list(values) == ["c", "a", "d"]
    assert values.pop_least_useful() == 1
    assert list(values) == ["a", "d"]


def test_a_value_in_place_of_another_is_the_newest_and_counts_once() -> None:
    values = kept_in(MemoryBudget())
    values.keep("a", 5)
    values.keep("b", 1)
    values.keep("a", 7)

    assert values == {"b": 1, "a": 7}
    assert values.bytes == 2 * ENTRY_BYTES + 8


def test_an_entry_takes_no_more_than_is_counted() -> None:
    count = 5000
    keys = [str(number) for number in range(count)]
    tracemalloc.start()
    values = kept_in(MemoryBudget())
    for key in keys:
        values.keep(key, 0)
    allocated = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()

    assert 0.5 * values.bytes <= allocated <= values.bytes
