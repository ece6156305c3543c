"""A prompt that does not fit is told before it is sent, and one that the server has cut is never taken for read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.errors import PromptTooLong
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.scheduling.window import TRUNCATION_SHARES, PromptWindow

LIMIT = 8192


def turns(count: int, opening: str = "Hello") -> MessagesRequest:
    """Return a conversation of so many messages."""
    later = (Turn("user" if place % 2 else "assistant", f"turn {place}") for place in range(count - 1))
    return MessagesRequest(model="m", max_tokens=1, messages=(Turn("user", opening), *later))


def test_a_prompt_with_fewer_characters_than_the_window_has_tokens_is_known_to_fit() -> None:
    assert not PromptWindow().may_overflow("c", turns(1), LIMIT, LIMIT)
    assert PromptWindow().may_overflow("c", turns(1), LIMIT + 1, LIMIT)


def test_what_the_engine_has_counted_makes_the_next_turn_known_to_fit() -> None:
    window = PromptWindow()
    window.record_count("c", turns(1), 24_000, 6_000, LIMIT)

    assert not window.may_overflow("c", turns(3), 26_000, LIMIT)
    assert window.may_overflow("c", turns(3), 27_000, LIMIT)
    assert window.may_overflow("c", turns(3, opening="Another task"), 26_000, LIMIT)
    assert window.may_overflow("another", turns(3), 26_000, LIMIT)


def test_a_turn_that_adds_text_and_has_half_the_tokens_was_cut() -> None:
    window = PromptWindow()
    window.record_count("c", turns(1), 32_000, 8_000, LIMIT)

    with pytest.raises(
        PromptTooLong, match=r"^prompt is too long: 8250 tokens > 4098 maximum \(the server truncated it"
    ):
        window.record_count("c", turns(3), 33_000, LIMIT // 2 + 2, LIMIT)


def test_a_turn_that_adds_text_to_a_full_window_and_has_no_more_tokens_was_cut() -> None:
    window = PromptWindow()
    window.record_count("c", turns(1), 32_000, 8_000, LIMIT)

    with pytest.raises(PromptTooLong):
        window.record_count("c", turns(3), 44_000, 8_190, LIMIT)


def test_a_first_prompt_of_more_characters_than_its_tokens_can_hold_was_cut() -> None:
    with pytest.raises(PromptTooLong):
        PromptWindow().record_count("c", turns(1), 60_000, LIMIT // 2 + 2, LIMIT)


def test_what_was_cut_once_is_refused_until_it_is_shorter() -> None:
    window = PromptWindow()
    with pytest.raises(PromptTooLong):
        window.record_count("c", turns(1), 60_000, LIMIT // 2 + 2, LIMIT)

    with pytest.raises(PromptTooLong, match="15000 tokens > 4098 maximum"):
        window.refuse_if_truncated("c", turns(1), 60_000)
    window.refuse_if_truncated("c", turns(1), 20_000)
    window.refuse_if_truncated("c", turns(1, opening="This session is being continued"), 60_000)
    window.refuse_if_truncated("another", turns(1), 60_000)


def test_a_window_that_grew_is_believed_again() -> None:
    window = PromptWindow()
    with pytest.raises(PromptTooLong):
        window.record_count("c", turns(1), 60_000, LIMIT // 2 + 2, LIMIT)

    window.record_count("c", turns(1), 60_000, 15_000, 4 * LIMIT)

    window.refuse_if_truncated("c", turns(1), 60_000)


@given(
    st.lists(st.tuples(st.integers(1, 20_000), st.floats(2.0, 5.9)), min_size=1, max_size=8),
    st.integers(1_000, 200_000),
)
def test_an_engine_that_reads_all_of_a_growing_prompt_is_never_accused(
    pieces: list[tuple[int, float]], limit: int
) -> None:
    window, characters, tokens = PromptWindow(), 0, 0
    for count, (added, rate) in enumerate(pieces, start=1):
        characters, tokens = characters + added, tokens + max(1, round(added / rate))
        window.record_count("c", turns(2 * count - 1), characters, tokens, limit)


@given(st.integers(1, 3_600), st.integers(0, 40_000))
def test_an_engine_that_counts_only_what_it_had_not_cached_is_never_accused(tokens: int, added: int) -> None:
    assert tokens < TRUNCATION_SHARES[0][0] * LIMIT
    window = PromptWindow()
    window.record_count("c", turns(1), 30_000, 7_000, LIMIT)

    window.record_count("c", turns(3), 30_000 + added, tokens, LIMIT)


def test_without_a_known_window_nothing_is_a_cut() -> None:
    window = PromptWindow()
    window.record_count("c", turns(1), 32_000, 8_000, None)

    window.record_count("c", turns(3), 33_000, 4_098, None)
