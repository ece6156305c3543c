"""Which names a misspelt word is meant for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.settings import SETTINGS, nearest_name

NAMES = [row.name for row in SETTINGS]


@given(st.sampled_from(NAMES), st.integers(0, 40))
def test_a_name_with_two_letters_in_the_wrong_order_is_recognised(name: str, place: int) -> None:
    place %= len(name) - 1
    misspelt = f"{name[:place]}{name[place + 1]}{name[place]}{name[place + 2 :]}"

    assert nearest_name(misspelt, NAMES) == name


@given(st.sampled_from(NAMES))
def test_capitals_hyphens_and_underscores_do_not_count(name: str) -> None:
    assert nearest_name(name.upper().replace("_", "-"), NAMES) == name
    assert nearest_name(name.replace("_", ""), NAMES) == name


@pytest.mark.parametrize("word", ["hello", "verbose", "add_dir", "continue", "", "m"])
def test_another_word_is_no_misspelt_name(word: str) -> None:
    assert nearest_name(word, NAMES) is None


def test_a_long_name_may_have_two_mistakes_and_a_short_one_only_one() -> None:
    assert nearest_name("contxt_toknes", NAMES) == "context_tokens"
    assert nearest_name("prt", NAMES) == "port"
    assert nearest_name("pp", NAMES) is None
    assert nearest_name("anything", ()) is None
