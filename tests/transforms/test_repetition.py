"""Repeated rounds of tool calls are counted; anything new begins the count again."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.parts.tool_rounds import READ, Round, conversation, turns_of

from anyclaude.protocol.content import Base64Source, ImageBlock, TextBlock, ThinkingBlock, ToolResultBlock, ToolUseBlock
from anyclaude.protocol.json_values import JsonValue
from anyclaude.protocol.messages_request import Turn
from anyclaude.transforms.repetition import LONGEST_CYCLE, RepetitionFinder, without_volatile

A, B, C, D = (Round((name, {"path": name}, f"result of {name}")) for name in "ABCD")


def counted(rounds: Sequence[Round]) -> int:
    """Return how often the conversation's last cycle was repeated."""
    repetition = RepetitionFinder().at_end(conversation(*rounds))
    assert repetition is not None
    return repetition.rounds


def at_end(*turns: Turn) -> int | None:
    repetition = RepetitionFinder().at_end(turns)
    return None if repetition is None else repetition.rounds


@pytest.mark.parametrize(
    ("rounds", "count"),
    [
        ([A], 1),
        ([A, B, C], 1),
        ([A, A, A], 3),
        ([B, A, A], 2),
        ([A, A, B], 1),
        ([A, B, A, B], 2),
        ([A, B, A, B, A], 2),
        ([A, B, A, B, A, B], 3),
        ([A, B, C] * 4, 4),
        ([A, B, C, D] * 4, 5),
        ([A, B, C, D] * 2 + [A], 2),
        ([A, B, A, A, B, A, B, B, A], 3),
        ([A, B, C, D, B, A, C, A, D, B], 3),
        ([A, B, C, D, B, A, C, A, D, B, Round(("E", {}, "new"))], 1),
        ([A, A, B] * 3, 3),
    ],
)
def test_cycles_and_known_rounds_are_counted(rounds: list[Round], count: int) -> None:
    assert counted(rounds) == count


def slow_count(rounds: Sequence[Round]) -> int:
    """Return the count by comparing every cycle with the end, as the definition says."""

    def repeats(length: int) -> int:
        count = 1
        while rounds[-length * (count + 1) :][:length] == rounds[-length:] and length * (count + 1) <= len(rounds):
            count += 1
        return count

    known = 0
    while known < len(rounds) and rounds[-known - 1] in rounds[: -known - 1]:
        known += 1
    return max(1 + known // LONGEST_CYCLE, *(repeats(length) for length in range(1, LONGEST_CYCLE + 1)))


@given(st.lists(st.sampled_from([A, B, C]), min_size=1, max_size=14))
def test_the_count_is_that_of_the_definition(rounds: list[Round]) -> None:
    assert counted(rounds) == slow_count(rounds)


def test_the_calls_are_those_of_one_cycle_in_their_order() -> None:
    repetition = RepetitionFinder().at_end(conversation(A, B, A, B, A))

    assert repetition is not None
    assert [call.name for call in repetition.calls] == ["B", "A"]


@given(st.lists(st.integers(), unique=True, min_size=2, max_size=20))
def test_polling_is_no_loop_as_long_as_the_result_changes(outputs: list[int]) -> None:
    assert counted([Round(("Bash", {"command": "tail build.log"}, f"line {output}")) for output in outputs]) == 1


@pytest.mark.parametrize(
    "other",
    [
        Round(("Write", {"path": "x"}, "no such file")),
        Round(("Read", {"path": "y"}, "no such file")),
        Round(("Read", {"path": "x"}, "no such file!")),
        Round(("Read", {"path": "x"}, "no such file"), ("Read", {"path": "y"}, "")),
        Round(("Read", {"path": "x"}, "no such file"), is_error=True),
    ],
    ids=["tool", "input", "result", "second call", "error"],
)
def test_rounds_that_differ_are_not_repeated(other: Round) -> None:
    same = Round(("Read", {"path": "x"}, "no such file"))

    assert counted([same, same]) == 2
    assert counted([same, other]) == 1


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({"a": 1, "b": {"c": [1, 2], "d": None}}, {"b": {"d": None, "c": [1, 2]}, "a": 1}),
        (None, None),
        ("text", "text"),
    ],
)
def test_the_order_of_keys_does_not_count(one: JsonValue, two: JsonValue) -> None:
    assert counted([Round(("Read", one, "")), Round(("Read", two, ""))]) == 2


@pytest.mark.parametrize(
    "result",
    [
        "gone <system-reminder>The date has changed.</system-reminder>",
        "<system-reminder>One.</system-reminder>gone<system-reminder>Two.</system-reminder>\n",
        (TextBlock("gone"),),
        (TextBlock("gone", {"cache_control": {"type": "ephemeral"}}),),
        (TextBlock("gone"), TextBlock("<total_tokens>900 tokens left</total_tokens>")),
    ],
)
def test_what_the_client_adds_to_a_result_does_not_count(result: str | tuple[TextBlock, ...]) -> None:
    assert counted([Round(("Read", {}, "gone")), Round(("Read", {}, result))]) == 2


def test_pictures_count() -> None:
    one, two = ((ImageBlock(Base64Source("image/png", data)),) for data in ("AA", "BB"))

    assert counted([Round(("Read", {}, one)), Round(("Read", {}, one))]) == 2
    assert counted([Round(("Read", {}, one)), Round(("Read", {}, two))]) == 1


def test_reasoning_and_text_beside_the_calls_do_not_count() -> None:
    turns = conversation(READ, READ, READ)
    called = turns[-2]
    assert not isinstance(called.content, str)
    talkative = Turn("assistant", (ThinkingBlock("Hm."), TextBlock("I try again."), *called.content))

    assert at_end(*turns[:-2], talkative, turns[-1]) == 3


@pytest.mark.parametrize(
    "between",
    [
        [Turn("user", "Go on.")],
        [Turn("user", (TextBlock("Go on."),))],
        [Turn("user", (ImageBlock(Base64Source("image/png", "AA")),))],
        [Turn("assistant", "It does not exist."), Turn("user", "Look again.")],
    ],
)
def test_the_count_begins_again_after_words(between: list[Turn]) -> None:
    assert at_end(*conversation(READ, READ), *between, *turns_of(READ, 7)) == 1


@pytest.mark.parametrize(
    "between",
    [
        [Turn("system", "The agents are: Explore.")],
        [Turn("user", "<system-reminder>The date has changed.</system-reminder>")],
        [Turn("assistant", (ThinkingBlock("Hm."),))],
    ],
)
def test_what_the_client_adds_does_not_begin_the_count_again(between: list[Turn]) -> None:
    assert at_end(*conversation(READ, READ), *between, *turns_of(READ, 7)) == 3
    assert at_end(*conversation(READ, READ), Turn("system", "The agents are: Explore.")) == 2


def test_words_beside_a_result_begin_the_count_again() -> None:
    called, result = turns_of(READ, 7)
    assert not isinstance(result.content, str)
    spoken = Turn("user", (*result.content, TextBlock("Stop reading it.")))

    assert at_end(*conversation(READ, READ), called, spoken) is None
    assert at_end(*conversation(READ, READ), called, spoken, *turns_of(READ, 8)) == 1


@pytest.mark.parametrize(
    "turns",
    [
        (Turn("user", "Hello"),),
        (Turn("user", "Hello"), Turn("assistant", "Hello")),
        (Turn("user", "Hello"), Turn("assistant", (ToolUseBlock("1", "Read", {}),))),
        (Turn("user", (ToolResultBlock("1", "an orphan"),)),),
    ],
)
def test_a_conversation_that_does_not_end_with_results_ends_with_no_repetition(turns: tuple[Turn, ...]) -> None:
    assert at_end(*turns) is None


def test_a_round_with_a_missing_result_equals_no_other() -> None:
    calls = (ToolUseBlock("1", "Read", {}), ToolUseBlock("2", "Read", {}))
    half = (Turn("assistant", calls), Turn("user", (ToolResultBlock("1", "gone"),)))

    assert at_end(*half, *half, *half) == 1


def test_every_turn_with_results_has_its_repetition_whatever_follows() -> None:
    turns = conversation(A, A, B, A, A)
    finder = RepetitionFinder()

    for end in range(1, len(turns) + 1):
        assert list(finder.repetitions(turns[:end])) == list(finder.repetitions(turns))[:end]


def test_a_reminder_without_an_end_is_text() -> None:
    assert without_volatile("a<system-reminder>b</system-reminder>c<system-reminder>d") == "ac<system-reminder>d"
    assert without_volatile("</system-reminder>a") == "</system-reminder>a"
