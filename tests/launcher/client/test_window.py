"""How a client uses the window of its model."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.launcher.client.window import (
    COMPACTION_RESERVE_TOKENS,
    JAVASCRIPT_WINDOW_TOKENS,
    LEAST_ROOM_SHARE,
    OUTPUT_CHARACTERS,
    OUTPUT_RESERVE_TOKENS,
    READ_TOKENS,
    compaction_percent,
    declared_window,
    reply_cap,
    result_limits,
    room_tokens,
)

WINDOWS = st.integers(min_value=2_048, max_value=2_000_000)
CHOSEN = st.none() | st.integers(min_value=1, max_value=2_000_000)


@given(WINDOWS, CHOSEN)
def test_a_reply_and_the_conversation_fit_the_real_window(window: int, chosen: int | None) -> None:
    cap = reply_cap(window, chosen)

    assert cap > 0
    assert room_tokens(window, cap) + cap < window


@given(WINDOWS, CHOSEN)
def test_no_limit_that_is_chosen_takes_the_room_of_the_conversation(window: int, chosen: int | None) -> None:
    assert room_tokens(window, reply_cap(window, chosen)) >= int(LEAST_ROOM_SHARE * window)


@given(WINDOWS)
def test_a_limit_that_the_window_can_bear_is_kept(window: int) -> None:
    assert reply_cap(window, window // 8) == window // 8


@given(WINDOWS, CHOSEN)
def test_the_client_compacts_at_the_room_or_later_if_the_reply_still_fits(window: int, chosen: int | None) -> None:
    cap = reply_cap(window, chosen)
    declared = declared_window(window, cap)
    compacts_at = declared - min(cap, OUTPUT_RESERVE_TOKENS) - COMPACTION_RESERVE_TOKENS

    assert compacts_at >= room_tokens(window, cap)
    assert compacts_at + cap <= window


def test_a_release_in_javascript_compacts_by_a_share_of_the_window_it_assumes() -> None:
    share = compaction_percent(32_768, 8_192) / 100

    assert share * (JAVASCRIPT_WINDOW_TOKENS - 8_192) == pytest.approx(room_tokens(32_768, 8_192), rel=0.01)


@given(WINDOWS, st.integers(min_value=500, max_value=25_000))
def test_two_results_of_the_largest_size_fit_beside_a_prompt_that_leaves_room(window: int, prompt_tokens: int) -> None:
    room = room_tokens(window, reply_cap(window, None))
    limits = result_limits(room, prompt_tokens)

    assert 0 < limits.tokens <= READ_TOKENS
    assert 0 < limits.characters <= OUTPUT_CHARACTERS
    if prompt_tokens <= room // 2:
        assert prompt_tokens + 2 * limits.tokens <= room


def test_in_a_large_window_the_clients_own_limits_hold() -> None:
    assert result_limits(room_tokens(131_072, 32_000), 4_900).are_the_clients
    assert not result_limits(room_tokens(32_768, 8_192), 4_900).are_the_clients
