"""A dictionary that keeps the entries that were set last."""

from hypothesis import given
from hypothesis import strategies as st

from anyclaude.bounded_dict import MAX_KEY_CHARACTERS, BoundedDict, bounded_key

ENTRIES = st.lists(st.tuples(st.integers(0, 9), st.integers()))


@given(entries=ENTRIES, limit=st.integers(1, 6))
def test_the_entries_set_last_are_kept_in_their_order(entries: list[tuple[int, int]], limit: int) -> None:
    bounded = BoundedDict[int, int](limit)
    for key, value in entries:
        bounded[key] = value

    set_last: dict[int, int] = {}
    for key, value in entries:
        set_last.pop(key, None)
        set_last[key] = value
    assert list(bounded.items()) == list(set_last.items())[-limit:]


def test_a_default_is_an_entry_like_any_other() -> None:
    bounded = BoundedDict[str, int](2)
    bounded["a"] = 1
    bounded["b"] = 2

    assert bounded.setdefault("c", 3) == 3
    assert list(bounded) == ["b", "c"]


@given(st.text(st.characters(), max_size=3), st.text(st.characters(), max_size=3), st.sampled_from([1, 100, 10_000]))
def test_a_key_is_short_and_different_for_different_texts(one: str, other: str, times: int) -> None:
    keys = bounded_key(one * times), bounded_key(other * times)

    assert (keys[0] == keys[1]) == (one * times == other * times)
    assert max(map(len, keys)) <= MAX_KEY_CHARACTERS
