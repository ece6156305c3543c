"""A prompt that does not fit is detected before it is sent, and one that the server truncated after the reply."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.errors import BackendRejected, BackendUnreachable, PromptTooLong
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.scheduling.window import (
    MIN_TRUNCATED_TOKENS,
    TRUNCATION_SHARES,
    CountedReply,
    PromptWindow,
    prompt_limit,
)

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
    window.check_reply("c", turns(1), 24_000, CountedReply(6_000), LIMIT)

    assert not window.may_overflow("c", turns(3), 26_000, LIMIT)
    assert window.may_overflow("c", turns(3), 27_000, LIMIT)
    assert window.may_overflow("c", turns(3, opening="Another task"), 26_000, LIMIT)
    assert window.may_overflow("another", turns(3), 26_000, LIMIT)


def test_the_tokens_of_a_later_turn_follow_from_the_last_count_and_those_of_a_new_prompt_are_unknown() -> None:
    window = PromptWindow()
    window.check_reply("c", turns(1), 24_000, CountedReply(6_000), LIMIT)

    assert window.estimated_tokens("c", turns(3), 26_000) == 6_500
    assert window.estimated_tokens("c", turns(3, opening="Another task"), 26_000) is None


@given(st.integers(1, 200_000), st.integers(0, 200_000), st.integers(1, 64))
def test_a_prompt_leaves_room_for_its_reply_but_no_more_than_the_share(window: int, longest: int, share: int) -> None:
    assert prompt_limit(window, longest, 0) == window
    assert window - prompt_limit(window, longest, share) == min(longest, window // share)


def test_a_longer_prompt_with_half_the_tokens_was_truncated() -> None:
    window = PromptWindow()
    window.check_reply("c", turns(1), 32_000, CountedReply(8_000), LIMIT)

    with pytest.raises(
        PromptTooLong, match=rf"^prompt is too long: 8250 tokens > {LIMIT} maximum \(the server cut the prompt"
    ):
        window.check_reply("c", turns(3), 33_000, CountedReply(LIMIT // 2 + 2), LIMIT)


def test_a_much_longer_prompt_that_just_fills_the_window_was_truncated() -> None:
    window = PromptWindow()
    window.check_reply("c", turns(1), 32_000, CountedReply(8_000), LIMIT)

    with pytest.raises(PromptTooLong):
        window.check_reply("c", turns(3), 44_000, CountedReply(8_190), LIMIT)


def test_a_first_prompt_with_too_few_tokens_for_its_length_was_truncated() -> None:
    with pytest.raises(PromptTooLong):
        PromptWindow().check_reply("c", turns(1), 60_000, CountedReply(LIMIT // 2 + 2), LIMIT)


def test_a_count_to_which_the_server_has_cut_before_is_a_cut_in_other_conversations_too() -> None:
    window = PromptWindow()
    with pytest.raises(PromptTooLong):
        window.check_reply("c", turns(1), 150_000, CountedReply(6_146), None)
    window.check_reply("shorter", turns(1), 36_000, CountedReply(6_146), None)

    with pytest.raises(PromptTooLong, match="12250 tokens > 6146 maximum"):
        window.check_reply("compacted", turns(1), 49_000, CountedReply(6_146), None)
    window.forget()
    window.check_reply("another server's", turns(1), 49_000, CountedReply(6_146), None)


def test_a_truncated_prompt_is_refused_until_it_is_shorter() -> None:
    window = PromptWindow()
    with pytest.raises(PromptTooLong):
        window.check_reply("c", turns(1), 60_000, CountedReply(LIMIT // 2 + 2), LIMIT)

    with pytest.raises(PromptTooLong, match=f"15000 tokens > {LIMIT} maximum"):
        window.refuse_if_truncated("c", turns(1), 60_000)
    window.refuse_if_truncated("c", turns(1), 20_000)
    window.refuse_if_truncated("c", turns(1, opening="This session is being continued"), 60_000)
    window.refuse_if_truncated("another", turns(1), 60_000)


def test_a_prompt_that_fits_a_larger_window_is_accepted_again() -> None:
    window = PromptWindow()
    with pytest.raises(PromptTooLong):
        window.check_reply("c", turns(1), 60_000, CountedReply(LIMIT // 2 + 2), LIMIT)

    window.check_reply("c", turns(1), 60_000, CountedReply(15_000), 4 * LIMIT)

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
        if tokens > limit:
            return
        window.check_reply("c", turns(2 * count - 1), characters, CountedReply(tokens), limit)


@given(st.integers(1, 3_600), st.integers(0, 40_000))
def test_a_count_of_uncached_tokens_only_is_never_taken_for_truncation(tokens: int, added: int) -> None:
    assert tokens < TRUNCATION_SHARES[0][0] * LIMIT
    window = PromptWindow()
    window.check_reply("c", turns(1), 30_000, CountedReply(7_000), LIMIT)

    window.check_reply("c", turns(3), 30_000 + added, CountedReply(tokens), LIMIT)


@pytest.mark.parametrize("limit", [None, 40_960])
def test_a_first_prompt_was_truncated_if_its_count_is_too_low_for_any_text(limit: int | None) -> None:
    window = PromptWindow()

    with pytest.raises(PromptTooLong, match=r"^prompt is too long: 37500 tokens > 4100 maximum"):
        window.check_reply("c", turns(1), 150_000, CountedReply(2_050), limit)
    with pytest.raises(PromptTooLong, match="37750 tokens > 4100"):
        window.refuse_if_truncated("c", turns(3), 151_000, limit)


@given(st.integers(1, MIN_TRUNCATED_TOKENS - 1), st.integers(0, 10**6))
def test_a_count_that_is_lower_than_any_truncation_is_none(tokens: int, characters: int) -> None:
    PromptWindow().check_reply("c", turns(1), characters, CountedReply(tokens), None)


def test_a_server_that_counts_whole_prompts_has_truncated_one_whose_count_falls() -> None:
    window = PromptWindow()
    window.check_reply("c", turns(1), 100_000, CountedReply(25_000), None)

    with pytest.raises(PromptTooLong, match="32000 tokens > 24000 maximum"):
        window.check_reply("c", turns(3), 128_000, CountedReply(12_000, counts_cached_tokens=True), None)


def test_counts_that_have_grown_show_that_a_server_counts_whole_prompts() -> None:
    window = PromptWindow()
    window.check_reply("c", turns(1), 100_000, CountedReply(25_000), None)
    window.check_reply("c", turns(3), 110_000, CountedReply(27_500), None)

    with pytest.raises(PromptTooLong):
        window.check_reply("c", turns(5), 120_000, CountedReply(15_000), None)


def test_a_server_that_may_count_the_uncached_tokens_only_is_not_suspected() -> None:
    window = PromptWindow()
    window.check_reply("c", turns(1), 32_000, CountedReply(8_000), None)

    window.check_reply("c", turns(3), 33_000, CountedReply(4_098), None)


@given(st.lists(st.integers(0, 20_000), min_size=1, max_size=8), st.integers(0, 7))
def test_counts_of_the_added_text_alone_are_never_taken_for_truncation(added: list[int], evicted: int) -> None:
    window, characters = PromptWindow(), 60_000
    window.check_reply("c", turns(1), characters, CountedReply(15_000), None)
    for count, more in enumerate(added):
        characters += more
        tokens = characters // 4 if count == evicted else more // 4
        window.check_reply("c", turns(2 * count + 3), characters, CountedReply(tokens), None)


def test_a_prompt_whose_history_was_cleared_may_have_fewer_tokens() -> None:
    window = PromptWindow()
    window.check_reply("c", turns(1), 100_000, CountedReply(25_000), None)

    window.check_reply("c", turns(3), 60_000, CountedReply(15_000, counts_cached_tokens=True), None)


@pytest.mark.parametrize("is_empty", [True, False])
def test_a_count_beyond_the_window_shows_that_the_prompt_did_not_fit(is_empty: bool) -> None:
    window = PromptWindow()

    with pytest.raises(PromptTooLong, match="36000 tokens > 32768 maximum"):
        window.check_reply("c", turns(1), 100_000, CountedReply(36_000, is_empty), 32_768)
    with pytest.raises(PromptTooLong):
        window.refuse_if_truncated("c", turns(1), 100_000)


@pytest.mark.parametrize(("tokens", "characters"), [(LIMIT, 20_000), (None, 4 * LIMIT), (5_000, 4 * LIMIT)])
def test_an_empty_reply_to_a_prompt_that_fills_the_window_is_none(tokens: int | None, characters: int) -> None:
    with pytest.raises(PromptTooLong, match=f"> {LIMIT} maximum"):
        PromptWindow().check_reply("c", turns(1), characters, CountedReply(tokens, is_empty=True), LIMIT)


@pytest.mark.parametrize(("tokens", "limit"), [(LIMIT - 1, LIMIT), (None, LIMIT), (None, None), (LIMIT, None)])
def test_an_empty_reply_to_a_prompt_that_fits_is_the_models(tokens: int | None, limit: int | None) -> None:
    PromptWindow().check_reply("c", turns(1), 4 * LIMIT - 4, CountedReply(tokens, is_empty=True), limit)


def test_a_truncated_prompt_is_sent_again_once_the_window_is_larger() -> None:
    window = PromptWindow()
    with pytest.raises(PromptTooLong):
        window.check_reply("c", turns(1), 60_000, CountedReply(LIMIT // 2 + 2), LIMIT)

    with pytest.raises(PromptTooLong):
        window.refuse_if_truncated("c", turns(1), 60_000, LIMIT)
    window.refuse_if_truncated("c", turns(1), 60_000, 4 * LIMIT)


def doubtful(status: int = 400) -> BackendRejected:
    error = BackendRejected("Bad Request", status, "invalid_request_error")
    error.may_be_too_long = True
    return error


def test_a_doubtful_refusal_of_a_prompt_that_may_fill_the_window_is_about_its_length() -> None:
    error = PromptWindow().settled(doubtful(500), "c", turns(1), 3 * LIMIT, LIMIT)

    assert isinstance(error, PromptTooLong)
    assert str(error).startswith(f"prompt is too long: {LIMIT + 1} tokens > {LIMIT} maximum (")
    assert "Bad Request" in str(error)
    assert error.status == 400


def test_a_doubtful_refusal_is_settled_by_the_last_count_where_there_is_one() -> None:
    window = PromptWindow()
    window.check_reply("c", turns(1), 20_000, CountedReply(4_000), LIMIT)
    window.check_reply("c", turns(3), 26_000, CountedReply(5_200), LIMIT)
    error = doubtful()

    assert window.settled(error, "c", turns(5), 27_000, LIMIT) is error
    assert isinstance(window.settled(error, "c", turns(5), 36_000, LIMIT), PromptTooLong)


@pytest.mark.parametrize(
    ("error", "characters", "limit"),
    [
        (doubtful(), 3 * LIMIT - 3, LIMIT),
        (doubtful(), 10**6, None),
        (BackendRejected("no such model", 400, "invalid_request_error"), 10**6, LIMIT),
        (BackendUnreachable("refused"), 10**6, LIMIT),
    ],
)
def test_another_refusal_stays_as_it_is(error: BackendRejected, characters: int, limit: int | None) -> None:
    assert PromptWindow().settled(error, "c", turns(1), characters, limit) is error
