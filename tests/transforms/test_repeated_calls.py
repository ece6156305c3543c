"""A model that repeats its calls is told, then sampled differently, and then its turn ends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.parts.gateway import target_at
from tests.parts.prefix_contract import PrefixContract
from tests.parts.tool_rounds import READ, Round, conversation, request_of, turns_of

from anyclaude.dialects import dialect_named
from anyclaude.protocol.content import TextBlock, ToolResultBlock, ToolUseBlock, blocks_of
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.transforms import PromptContext, Repetition, RepetitionFinder, RepetitionNote
from anyclaude.transforms.repeated_calls import TEMPERATURE, Measure, RepeatedCalls, ending, measure_for, note, recorded

LIMIT = 5
CONTEXT = PromptContext(repeated_calls=LIMIT)
OTHERS = [Round(("Bash", {"command": "make"}, "ok")), Round(("Grep", {"pattern": "x"}, "a.py"))]
HELLO = Turn("assistant", "Hello."), Turn("user", "Go on.")


def noted(request: MessagesRequest, context: PromptContext = CONTEXT) -> MessagesRequest:
    return RepetitionNote(RepetitionFinder())(request, context)


def notes_in(request: MessagesRequest) -> dict[int, str]:
    """Return the notes by the positions of their turns."""
    return {
        position: block.text
        for position, turn in enumerate(request.messages)
        for block in blocks_of(turn.content)
        if isinstance(block, TextBlock) and block.text.startswith("<system-reminder>\nYou have now made")
    }


def last_repetition(*rounds: Round) -> Repetition:
    repetition = RepetitionFinder().at_end(conversation(*rounds))
    assert repetition is not None
    return repetition


def test_the_model_is_told_beside_the_result_two_rounds_before_the_limit() -> None:
    request = noted(request_of(*conversation(*[READ] * 3)))

    (text,) = notes_in(request).values()
    assert [type(block) for block in blocks_of(request.messages[-1].content)] == [ToolResultBlock, TextBlock]
    assert 'the same call 3 times in a row, each time with the same result: Read {"file_path":"/missing"}' in text
    assert text.endswith("</system-reminder>")
    assert request.temperature is None


def test_two_rounds_are_nothing_to_speak_of() -> None:
    request = request_of(*conversation(READ, READ))

    assert noted(request) is request


def test_with_the_limit_0_nothing_is_done() -> None:
    request = request_of(*conversation(*[READ] * 30))

    assert noted(request, PromptContext()) is request
    assert measure_for(last_repetition(*[READ] * 30), 0) is None


@pytest.mark.parametrize("count", [3, 4, 5, 9])
def test_the_note_stands_where_it_was_first_given(count: int) -> None:
    assert list(notes_in(noted(request_of(*conversation(*[READ] * count))))) == [6]


def test_every_loop_gets_its_own_note() -> None:
    request = noted(request_of(*conversation(*[READ] * 3, OTHERS[0], *[READ] * 3)))

    assert list(notes_in(request)) == [6, 14]


def test_the_note_about_a_cycle_names_all_its_calls() -> None:
    (text,) = notes_in(noted(request_of(*conversation(*[READ, OTHERS[0]] * 3)))).values()

    assert (
        'the same calls 3 times in a row, each time with the same result: Read {"file_path":"/missing"}; Bash' in text
    )


@pytest.mark.parametrize(
    ("temperature", "raised"), [(None, TEMPERATURE), (0.0, TEMPERATURE), (0.7, TEMPERATURE), (1.3, 1.3)]
)
def test_the_reply_after_the_note_was_ignored_is_sampled_with_a_higher_temperature(
    temperature: float | None, raised: float
) -> None:
    request = request_of(*conversation(*[READ] * 4), temperature=temperature)

    assert noted(request).temperature == raised
    assert noted(request_of(*conversation(*[READ] * 3), temperature=temperature)).temperature == temperature


@pytest.mark.parametrize(
    ("limit", "rounds", "measure"),
    [
        (5, 2, None),
        (5, 3, "told"),
        (5, 4, "resampled"),
        (5, 5, "ended"),
        (5, 6, "ended"),
        (4, 2, "told"),
        (9, 6, None),
        (9, 9, "ended"),
        (1, 2, "told"),
        (1, 4, "ended"),
        (0, 99, None),
    ],
)
def test_the_measures_count_back_from_the_limit(limit: int, rounds: int, measure: Measure | None) -> None:
    assert measure_for(Repetition(rounds, ()), limit) == measure


def test_the_journal_names_the_tools_without_their_input() -> None:
    assert recorded(last_repetition(*[READ, OTHERS[0]] * 3), "told") == RepeatedCalls(("Read", "Bash"), 3, "told")


def test_the_user_is_told_the_call_the_count_and_the_setting() -> None:
    text = ending(last_repetition(*[READ] * 5), LIMIT)

    assert 'Read {"file_path":"/missing"}' in text
    assert "5 times" in text
    assert "repeated_calls (now 5)" in text


def test_long_inputs_and_many_calls_are_shortened() -> None:
    many = Round(*(("Write", {"content": "x" * 10_000}, "ok") for _ in range(20)))

    assert len(note(last_repetition(many, many, many))) < 1_500
    assert "; and 16 more." in note(last_repetition(many, many, many))


rounds = st.lists(st.sampled_from([READ, READ, *OTHERS]), max_size=12)


@st.composite
def histories(draw: st.DrawFn) -> tuple[Turn, ...]:
    """Draw conversations of calls, some of them with words of the user between."""
    turns = [Turn("user", "Fix it.")]
    for number, one in enumerate(draw(rounds)):
        turns += turns_of(one, number)
        turns += draw(st.sampled_from([(), (), (), HELLO, (Turn("system", "Be brief."),)]))
    return tuple(turns)


@given(histories(), st.integers(0, 6))
def test_noting_twice_is_noting_once(turns: tuple[Turn, ...], limit: int) -> None:
    context = PromptContext(repeated_calls=limit)
    once = noted(request_of(*turns), context)

    assert noted(once, context) == once


@given(histories())
def test_every_prompt_extends_the_previous_one(turns: tuple[Turn, ...]) -> None:
    contract, transform = PrefixContract(), RepetitionNote(RepetitionFinder())
    target, dialect = target_at("http://x/v1"), dialect_named("openai_chat")
    ends = [end for end in range(1, len(turns) + 1) if turns[end - 1].role != "assistant"]
    for end in ends:
        sent = transform(request_of(*turns[:end]), CONTEXT)
        contract.observe("session//", dialect.encode_request(sent, "m", target.profile).request)

    assert contract.moves == []


@given(histories(), st.sampled_from(["[Request interrupted by user]", "Stop."]))
def test_words_added_to_a_turn_that_was_sent_do_not_take_its_note_away(turns: tuple[Turn, ...], words: str) -> None:
    *earlier, last = turns
    spoken = replace(last, content=(*blocks_of(last.content), TextBlock(words)))

    assert notes_in(noted(request_of(*earlier, spoken))) == notes_in(noted(request_of(*turns)))


def test_a_turn_with_a_note_is_the_same_object_in_every_request() -> None:
    transform, turns = RepetitionNote(RepetitionFinder()), conversation(*[READ] * 4)

    one, two = (transform(request_of(*turns[:end]), CONTEXT) for end in (7, 9))

    assert one.messages[6] is two.messages[6]


def test_calls_that_only_repeat_earlier_ones_in_another_order_are_called_so() -> None:
    repetition = Repetition(3, (ToolUseBlock("toolu_1", "Read", {"file_path": "/a"}),), known_rounds=6)

    for text in (note(repetition), ending(repetition, 5)):
        assert "calls that only repeat earlier ones, 6 times in a row" in text
        assert 'Read {"file_path":"/a"}' in text
