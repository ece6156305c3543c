"""A prompt that does not fit is detected before it is sent, and one that the server truncated after the reply."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.errors import PromptTooLong
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.scheduling.window import TRUNCATION_SHARES, PromptWindow

LIMIT = 8192


def turns(count: int, opening: str = "Hello") -> MessagesRequest:
    """Return a conversation of `count` messages."""
    later = (Turn("user" if number % 2 else "assistant", f"turn {number}") for number in range(count - 1))
    return MessagesRequest(model="m", max_tokens=1, messages=(Turn("user", opening), *later))


def test_a_prompt_with_no_more_characters_than_the_window_has_tokens_fits() -> None:
    assert not PromptWindow().may_overflow("c", turns(1), LIMIT, LIMIT)
    assert PromptWindow().may_overflow("c", turns(1), LIMIT + 1, LIMIT)


def test_the_next_turn_is_estimated_from_the_last_token_count() -> None:
    window = PromptWindow()
    window.record_count("c", turns(1), 24_000, 6_000, LIMIT)

    assert not window.may_overflow("c", turns(3), 26_000, LIMIT)
    assert window.may_overflow("c", turns(3), 27_000, LIMIT)
    assert window.may_overflow("c", turns(3, opening="Another task"), 26_000, LIMIT)
    assert window.may_overflow("another", turns(3), 26_000, LIMIT)


def test_the_tokens_of_a_prompt_are_estimated_from_the_last_count_of_what_it_extends() -> None:
    window = PromptWindow()
    window.record_count("c", turns(1), 24_000, 6_000, LIMIT)

    assert window.estimated_tokens("c", turns(3), 24_400) == 6_100
    assert window.estimated_tokens("c", turns(3), 20_000) == 6_000
    assert window.estimated_tokens("c", turns(3, opening="Another task"), 24_400) == 6_100
    assert window.estimated_tokens("another", turns(3), 400) == 100


def test_the_count_of_a_truncated_prompt_is_not_used_for_an_estimate() -> None:
    window = PromptWindow()
    with pytest.raises(PromptTooLong):
        window.record_count("c", turns(1), 60_000, LIMIT // 2 + 2, LIMIT)

    assert window.estimated_tokens("c", turns(1), 60_000) == 15_000


def test_a_longer_prompt_with_half_the_tokens_was_truncated() -> None:
    window = PromptWindow()
    window.record_count("c", turns(1), 32_000, 8_000, LIMIT)

    with pytest.raises(
        PromptTooLong, match=r"^prompt is too long: 8250 tokens > 4098 maximum \(the server truncated it"
    ):
        window.record_count("c", turns(3), 33_000, LIMIT // 2 + 2, LIMIT)


def test_a_much_longer_prompt_that_just_fills_the_window_was_truncated() -> None:
    window = PromptWindow()
    window.record_count("c", turns(1), 32_000, 8_000, LIMIT)

    with pytest.raises(PromptTooLong):
        window.record_count("c", turns(3), 44_000, 8_190, LIMIT)


def test_a_first_prompt_with_too_few_tokens_for_its_length_was_truncated() -> None:
    with pytest.raises(PromptTooLong):
        PromptWindow().record_count("c", turns(1), 60_000, LIMIT // 2 + 2, LIMIT)


def test_a_truncated_prompt_is_refused_until_it_is_shorter() -> None:
    window = PromptWindow()
    with pytest.raises(PromptTooLong):
        window.record_count("c", turns(1), 60_000, LIMIT // 2 + 2, LIMIT)

    with pytest.raises(PromptTooLong, match="15000 tokens > 4098 maximum"):
        window.refuse_if_truncated("c", turns(1), 60_000)
    window.refuse_if_truncated("c", turns(1), 20_000)
    window.refuse_if_truncated("c", turns(1, opening="This session is being continued"), 60_000)
    window.refuse_if_truncated("another", turns(1), 60_000)


def test_a_prompt_that_fits_a_larger_window_is_accepted_again() -> None:
    window = PromptWindow()
    with pytest.raises(PromptTooLong):
        window.record_count("c", turns(1), 60_000, LIMIT // 2 + 2, LIMIT)

    window.record_count("c", turns(1), 60_000, 15_000, 4 * LIMIT)

    window.refuse_if_truncated("c", turns(1), 60_000)


@given(
    st.lists(st.tuples(st.integers(1, 20_000), st.floats(2.0, 5.9)), min_size=1, max_size=8),
    st.integers(1_000, 200_000),
)
def test_a_growing_prompt_that_is_evaluated_whole_is_never_taken_for_truncated(
    additions: list[tuple[int, float]], limit: int
) -> None:
    window, characters, tokens = PromptWindow(), 0, 0
    for count, (added, rate) in enumerate(additions, start=1):
        characters, tokens = characters + added, tokens + max(1, round(added / rate))
        window.record_count("c", turns(2 * count - 1), characters, tokens, limit)


@given(st.integers(1, 3_600), st.integers(0, 40_000))
def test_a_count_of_uncached_tokens_only_is_never_taken_for_truncation(tokens: int, added: int) -> None:
    assert tokens < TRUNCATION_SHARES[0][0] * LIMIT
    window = PromptWindow()
    window.record_count("c", turns(1), 30_000, 7_000, LIMIT)

    window.record_count("c", turns(3), 30_000 + added, tokens, LIMIT)


def test_without_a_known_window_no_truncation_is_detected() -> None:
    window = PromptWindow()
    window.record_count("c", turns(1), 32_000, 8_000, None)

    window.record_count("c", turns(3), 33_000, 4_098, None)
