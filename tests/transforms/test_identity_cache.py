"""What was made of a value lives as long as the value."""

import gc
from weakref import ref

from anyclaude.protocol.content import TextBlock
from anyclaude.transforms.identity_cache import IdentityCache


class Shorten:
    """Takes characters off the end, and counts how often it did."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, block: TextBlock, count: int) -> TextBlock:
        self.calls += 1
        return TextBlock(block.text[:-count])


def test_the_work_is_done_once_for_a_value_that_comes_again() -> None:
    shorten = Shorten()
    derived = IdentityCache(shorten)
    block = TextBlock("abc")

    assert derived(block, 1) is derived(block, 1)
    assert derived(block, 1) == TextBlock("ab")
    assert shorten.calls == 1


def test_another_argument_is_another_result() -> None:
    shorten = Shorten()
    derived = IdentityCache(shorten)
    block = TextBlock("abc")

    assert [derived(block, count).text for count in (1, 2, 2, 3, 1)] == ["ab", "a", "a", "", "ab"]
    assert shorten.calls == 4


def test_an_equal_value_is_another_one() -> None:
    shorten = Shorten()
    derived = IdentityCache(shorten)
    one, other = TextBlock("abc"), TextBlock("abc")

    assert derived(one, 1) == derived(other, 1)
    assert shorten.calls == 2


def test_a_value_that_stays_as_it_is_comes_back_itself() -> None:
    derived = IdentityCache(Shorten())
    block = TextBlock("")

    assert derived(block, 1) is block
    assert derived(block, 1) is block


class Count:
    """An argument that can be referred to weakly: the cache keeps it alive with the entry it belongs to."""

    def __init__(self, number: int) -> None:
        self.number = number


def test_nothing_is_kept_of_a_value_that_is_gone() -> None:
    derived = IdentityCache[TextBlock, Count](lambda block, count: TextBlock(block.text[: -count.number]))
    changed, unchanged = TextBlock("abc"), TextBlock("")
    one, two = Count(1), Count(2)
    kept: list[ref[TextBlock] | ref[Count]] = [ref(derived(changed, one)), ref(one), ref(two)]
    derived(unchanged, two)
    del one, two
    gc.collect()
    assert all(weak() is not None for weak in kept)

    del changed, unchanged
    gc.collect()
    assert all(weak() is None for weak in kept)
