"""The flags among the client's arguments."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.launcher.client.flags import before_separator, flag_value, prints, without_flag

WORDS = st.lists(st.sampled_from(["-p", "hi", "--settings", "--settings=a", "--", "b", "--other"]), max_size=6)


@pytest.mark.parametrize(
    ("words", "value"),
    [
        (("--settings", "a"), "a"),
        (("--settings=a", "-p"), "a"),
        (("--settings", "a", "--settings=b"), "b"),
        (("-p", "--", "--settings", "a"), None),
        (("--settings",), None),
    ],
)
def test_the_last_value_before_the_separator_counts(words: tuple[str, ...], value: str | None) -> None:
    assert flag_value(words, "--settings") == value


@given(WORDS)
def test_a_flag_that_was_removed_has_no_value(words: list[str]) -> None:
    assert flag_value(without_flag(words, "--settings"), "--settings") is None


def test_the_other_words_keep_their_order() -> None:
    words = ("-p", "--settings", "a", "hi", "--settings=b", "--other", "--", "--settings", "c")

    assert without_flag(words, "--settings") == ("-p", "hi", "--other", "--", "--settings", "c")


@given(WORDS)
def test_what_follows_the_separator_stays_as_it_is(words: list[str]) -> None:
    after = words[len(before_separator(words)) :]

    rest = without_flag(words, "--settings")

    assert list(rest[len(rest) - len(after) :]) == after


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("-p", "Say hello"), True),
        (("--print", "Say hello"), True),
        (("-cp", "go on"), True),
        (("-pc", "go on"), True),
        (("Say hello", "-p"), True),
        (("Say hello",), False),
        (("--permission-mode", "plan"), False),
        (("--", "-p"), False),
        (("-r", "x"), False),
        (("-np", "x"), False),
        ((), False),
    ],
)
def test_print_mode_is_known_by_its_flag(words: tuple[str, ...], expected: bool) -> None:
    assert prints(words) is expected
