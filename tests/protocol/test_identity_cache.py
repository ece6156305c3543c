"""A cached result lives as long as the value it was cached from."""

import gc
from weakref import ref

from anyclaude.protocol.content import TextBlock
from anyclaude.protocol.identity_cache import IdentityCache, IdentityFacts


class Shorten:
    """Removes characters from the end, and counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, block: TextBlock, count: int) -> TextBlock:
        self.calls += 1
        return TextBlock(block.text[:-count])


def test_the_function_is_called_once_for_a_repeated_value() -> None:
    shorten = Shorten()
    cached = IdentityCache(shorten)
    block = TextBlock("abc")

    assert cached(block, 1) is cached(block, 1)
    assert cached(block, 1) == TextBlock("ab")
    assert shorten.calls == 1


def test_each_argument_has_its_own_result() -> None:
    shorten = Shorten()
    cached = IdentityCache(shorten)
    block = TextBlock("abc")

    assert [cached(block, count).text for count in (1, 2, 2, 3, 1)] == ["ab", "a", "a", "", "ab"]
    assert shorten.calls == 4


def test_an_equal_but_different_value_has_its_own_result() -> None:
    shorten = Shorten()
    cached = IdentityCache(shorten)
    one, other = TextBlock("abc"), TextBlock("abc")

    assert cached(one, 1) == cached(other, 1)
    assert shorten.calls == 2


def test_an_unchanged_value_is_returned_itself() -> None:
    cached = IdentityCache(Shorten())
    block = TextBlock("")

    assert cached(block, 1) is block
    assert cached(block, 1) is block


class Count:
    """An argument that can be referred to weakly: the cache keeps it alive with the entry it belongs to."""

    def __init__(self, number: int) -> None:
        self.number = number


def test_nothing_is_kept_of_a_value_that_is_gone() -> None:
    cached = IdentityCache[TextBlock, Count](lambda block, count: TextBlock(block.text[: -count.number]))
    changed, unchanged = TextBlock("abc"), TextBlock("")
    one, two = Count(1), Count(2)
    kept: list[ref[TextBlock] | ref[Count]] = [ref(cached(changed, one)), ref(one), ref(two)]
    cached(unchanged, two)
    del one, two
    gc.collect()
    assert all(weak() is not None for weak in kept)

    del changed, unchanged
    gc.collect()
    assert all(weak() is None for weak in kept)


def test_facts_are_read_once_and_released_with_their_value() -> None:
    facts = IdentityFacts[TextBlock, Count](lambda block: Count(len(block.text)))
    block, equal = TextBlock("abc"), TextBlock("abc")
    kept = ref(facts(block))

    assert facts(block) is kept()
    assert facts(equal) is not kept()

    del block
    gc.collect()
    assert kept() is None
