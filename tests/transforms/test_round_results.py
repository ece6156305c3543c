"""The results of the calls of one reply take no more of the window than it can hold."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from anyclaude.protocol.content import ContentBlock, TextBlock, ToolResultBlock, ToolUseBlock, blocks_of
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.protocol.prompt_weight import text_weight
from anyclaude.transforms import PromptContext, RoundResults
from anyclaude.transforms.round_results import LEFT_OUT

WINDOW = 32_768
QUARTER = WINDOW
"""In the units of the weight, of which a token has four."""

EIGHTH = WINDOW // 2

LEAN = PromptContext(diet="lean", context_tokens=WINDOW)

TEXTS = st.builds(lambda text, times: text * times, st.sampled_from(["word ", "0", "é\n"]), st.integers(0, 60_000))


def round_of(*texts: str) -> tuple[Turn, Turn]:
    calls = tuple(ToolUseBlock(f"t{place}", "Read", {}) for place in range(len(texts)))
    results = tuple(ToolResultBlock(f"t{place}", text) for place, text in enumerate(texts))
    return Turn("assistant", calls), Turn("user", results)


def request(*rounds: tuple[Turn, Turn], opening: str = "Begin.") -> MessagesRequest:
    turns = (Turn("user", opening), *(turn for pair in rounds for turn in pair))
    return MessagesRequest(model="m", max_tokens=1, messages=turns)


def sent(before: MessagesRequest, context: PromptContext = LEAN) -> list[str]:
    after = RoundResults()(before, context)
    return [text_of(block) for block in blocks_of(after.messages[-1].content)]


def text_of(block: ContentBlock) -> str:
    assert isinstance(block, ToolResultBlock)
    assert isinstance(block.content, str)
    return block.content


def test_results_that_fit_are_left_as_they_are() -> None:
    before = request(round_of("a" * (QUARTER // 2), "b" * (QUARTER // 2)))

    assert RoundResults()(before, LEAN) is before


def test_the_longest_results_lose_their_middles_and_short_ones_nothing() -> None:
    long = "begin " + "a" * QUARTER + " end"

    short, *others = sent(request(round_of("short", long, long)))

    assert short == "short"
    for text in others:
        assert text.startswith("begin aaa")
        assert LEFT_OUT in text
        assert text.endswith("aaa end")
    assert sum(map(text_weight, others)) <= QUARTER


def test_when_half_of_the_window_is_used_a_round_has_an_eighth() -> None:
    opening = "a" * (2 * QUARTER)

    (text,) = sent(request(round_of("b" * QUARTER), opening=opening))

    assert EIGHTH - 10 <= text_weight(text) <= EIGHTH


def test_digits_weigh_as_much_as_the_tokens_that_they_are() -> None:
    (text,) = sent(request(round_of("7" * QUARTER)))

    assert text_weight(text) <= QUARTER


def test_a_small_window_has_smaller_shares() -> None:
    (text,) = sent(request(round_of("b" * 8_192)), PromptContext(diet="lean", context_tokens=8_192))

    assert text_weight(text) <= 8_192 * 4 // 6


def test_texts_in_parts_are_shortened_too() -> None:
    result = ToolResultBlock("t0", (TextBlock("a" * 2 * QUARTER), TextBlock("b")))
    before = request((Turn("assistant", (ToolUseBlock("t0", "mcp__x__y", {}),)), Turn("user", (result,))))

    after = RoundResults()(before, LEAN).messages[-1]
    (changed,) = blocks_of(after.content)

    assert isinstance(changed, ToolResultBlock)
    assert isinstance(changed.content, tuple)
    first, second = changed.content
    assert isinstance(first, TextBlock)
    assert LEFT_OUT in first.text
    assert second == TextBlock("b")


def test_the_diet_full_keeps_everything() -> None:
    before = request(round_of("a" * 2 * QUARTER))

    assert RoundResults()(before, PromptContext(diet="full", context_tokens=WINDOW)) is before


@given(st.lists(st.lists(TEXTS, min_size=1, max_size=9), min_size=1, max_size=4))
def test_a_later_turn_changes_nothing_and_neither_does_a_second_time(rounds: list[list[str]]) -> None:
    transform, pairs = RoundResults(), [round_of(*texts) for texts in rounds]

    before = [transform(request(*pairs[:count]), LEAN) for count in range(1, len(pairs) + 1)]

    for earlier, later in itertools.pairwise(before):
        assert later.messages[: len(earlier.messages)] == earlier.messages
    assert transform(before[-1], LEAN) == before[-1]
