"""What was made of a value lives as long as the value."""

import gc

from anyclaude.protocol.content import TextBlock
from anyclaude.transforms.derived import Derived


class Shorten:
    """Takes the last character off, and counts how often it did."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, block: TextBlock) -> TextBlock:
        self.calls += 1
        return TextBlock(block.text[:-1])


def test_the_work_is_done_once_for_a_value_that_comes_again() -> None:
    shorten = Shorten()
    derived = Derived(shorten)
    block = TextBlock("abc")

    assert derived(block) is derived(block)
    assert derived(block) == TextBlock("ab")
    assert shorten.calls == 1


def test_an_equal_value_is_another_one() -> None:
    shorten = Shorten()
    derived = Derived(shorten)
    one, other = TextBlock("abc"), TextBlock("abc")

    assert derived(one) == derived(other)
    assert shorten.calls == 2


def test_a_value_that_stays_as_it_is_comes_back_itself() -> None:
    derived = Derived(Shorten())
    block = TextBlock("")

    assert derived(block) is block
    assert derived(block) is block


def test_nothing_is_kept_of_a_value_that_is_gone() -> None:
    derived = Derived(Shorten())
    changed, unchanged = TextBlock("abc"), TextBlock("")
    derived(changed)
    derived(unchanged)
    assert len(derived) == 2
    del changed, unchanged
    gc.collect()

    assert len(derived) == 0
