"""The oldest tool results are cleared where the client asks for it, and the prompt changes only where that begins."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.parts.tool_rounds import Round, conversation, request_of, turns_of

from anyclaude.protocol.content import TextBlock, ToolResultBlock, ToolUseBlock, blocks_of
from anyclaude.protocol.context_management import CLEAR_THINKING, CLEAR_TOOL_USES
from anyclaude.protocol.events import AppliedClearing, ContextManagement
from anyclaude.protocol.json_values import JsonObject, JsonValue
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.protocol.prompt_size import prompt_characters
from anyclaude.transforms import ClearedToolUses, PreparedPrompt, PromptContext, applied_edits, prepare
from anyclaude.transforms.clear_tool_uses import PLACEHOLDER

CONTEXT = PromptContext(characters_per_token=4.0)
LONG = "x" * 400
"""A result of 100 tokens."""


def edit(trigger: int, keep: int = 1, unit: str = "input_tokens", **fields: JsonValue) -> JsonObject:
    """Return an edit whose trigger is in `unit`."""
    return {
        "type": CLEAR_TOOL_USES,
        "trigger": {"type": unit, "value": trigger},
        "keep": {"type": "tool_uses", "value": keep},
        **fields,
    }


def at_least(tokens: int) -> JsonObject:
    return {"type": "input_tokens", "value": tokens}


def asking(turns: tuple[Turn, ...], *edits: JsonValue) -> MessagesRequest:
    return replace(request_of(*turns), context_management={"edits": list(edits)})


def read(number: int, tool: str = "Read", result: str = LONG) -> Round:
    return Round((tool, {"file_path": f"/{number}"}, result))


def reads(count: int) -> tuple[Turn, ...]:
    return conversation(*map(read, range(count)))


def cleared(request: MessagesRequest, context: PromptContext = CONTEXT) -> MessagesRequest:
    return ClearedToolUses()(request, context)


def results_of(request: MessagesRequest) -> list[ToolResultBlock]:
    return [b for turn in request.messages for b in blocks_of(turn.content) if isinstance(b, ToolResultBlock)]


def calls_of(request: MessagesRequest) -> list[ToolUseBlock]:
    return [b for turn in request.messages for b in blocks_of(turn.content) if isinstance(b, ToolUseBlock)]


def cleared_in(request: MessagesRequest) -> list[bool]:
    """Return of each result in order whether it is cleared."""
    return [block.content == PLACEHOLDER for block in results_of(request)]


def test_above_the_trigger_all_results_but_the_last_ones_are_cleared() -> None:
    request = cleared(asking(reads(5), edit(450, keep=2)))

    assert cleared_in(request) == [True, True, True, False, False]
    assert results_of(request)[3].content == LONG


def test_below_the_trigger_the_request_stays_the_same_object() -> None:
    request = asking(reads(5), edit(10_000))

    assert cleared(request) is request


@pytest.mark.parametrize("edits", [(), ({"type": CLEAR_THINKING, "keep": "all"},), ({"type": "x_new"},)])
def test_without_being_asked_nothing_is_cleared(edits: tuple[JsonValue, ...]) -> None:
    request = asking(reads(500), *edits)

    assert cleared(request) is request


def test_the_trigger_may_count_tool_uses() -> None:
    assert cleared_in(cleared(asking(reads(4), edit(3, unit="tool_uses")))) == [True, True, True, False]
    assert cleared_in(cleared(asking(reads(3), edit(3, unit="tool_uses")))) == [False, False, False]


def test_a_short_result_is_cleared_as_well() -> None:
    turns = conversation(*(read(number, result="ok") for number in range(4)))

    assert cleared_in(cleared(asking(turns, edit(3, unit="tool_uses")))) == [True, True, True, False]


def test_the_inputs_stay_unless_the_client_wants_them_cleared() -> None:
    turns = conversation(read(0), read(1, "Write"), read(2), read(3))
    call = replace(calls_of(request_of(*turns))[0], raw_arguments='{"file_path": "/0"}', written="<x>")
    turns = (turns[0], Turn("assistant", (call,)), *turns[2:])

    def inputs(wanted: JsonValue) -> list[JsonValue]:
        return [
            call.input for call in calls_of(cleared(asking(turns, edit(3, 1, "tool_uses", clear_tool_inputs=wanted))))
        ]

    kept: list[JsonValue] = [{"file_path": f"/{number}"} for number in range(4)]
    assert inputs(False) == kept
    assert inputs(True) == [{}, {}, {}, kept[3]]
    assert inputs(["Read"]) == [{}, kept[1], {}, kept[3]]
    first = calls_of(cleared(asking(turns, edit(3, 1, "tool_uses", clear_tool_inputs=True))))[0]
    assert (first.raw_arguments, first.written) == (None, None)


def test_excluded_tools_keep_their_results() -> None:
    turns = conversation(read(0, "Search"), read(1), read(2, "Search"), read(3), read(4))

    request = cleared(asking(turns, edit(4, 1, "tool_uses", exclude_tools=["Search"])))

    assert cleared_in(request) == [False, True, False, True, False]


def test_nothing_is_cleared_unless_it_is_worth_it_to_the_client() -> None:
    few, enough = reads(5), reads(7)
    demanded = edit(300, keep=2, clear_at_least=at_least(400))

    assert not any(cleared_in(cleared(asking(few, demanded))))
    assert cleared_in(cleared(asking(enough, demanded))) == [True] * 5 + [False] * 2


def test_a_result_without_a_call_and_a_call_without_a_result_are_left_alone() -> None:
    turns = reads(4)
    orphan = Turn("user", (ToolResultBlock("toolu_gone", LONG), TextBlock("Go on.")))
    request = cleared(asking((orphan, *turns[1:], *turns_of(read(9), 9)[:1]), edit(3, unit="tool_uses")))

    assert cleared_in(request) == [False, True, True, True, False]


def test_a_trigger_that_stays_exceeded_clears_in_steps() -> None:
    """What is kept is larger than the trigger, so that it fires in every turn."""
    boundaries = [sum(cleared_in(cleared(asking(reads(count), edit(1600, keep=16))))) for count in range(16, 26)]

    assert boundaries == [0, 1, 1, 1, 4, 4, 4, 7, 7, 7]


def applied(request: MessagesRequest) -> tuple[PreparedPrompt, ContextManagement | None]:
    prompt = prepare(request, [ClearedToolUses()], CONTEXT, prompt_characters)
    return prompt, applied_edits(prompt, CONTEXT.characters_per_token)


def test_the_client_and_the_journal_learn_what_was_cleared() -> None:
    prompt, told = applied(asking(reads(5), edit(450, keep=2)))

    (step,) = prompt.steps
    assert step.name == "cleared tool results"
    assert step.before - step.after == 3 * (len(LONG) - len(PLACEHOLDER))
    assert told == ContextManagement((AppliedClearing(3, round((step.before - step.after) / 4)),))


def test_a_client_that_asked_is_told_that_nothing_was_cleared_and_others_are_told_nothing() -> None:
    assert applied(asking(reads(5), edit(10_000)))[1] == ContextManagement()
    assert applied(request_of(*reads(5)))[1] is None


def test_a_cleared_turn_is_the_same_object_in_every_request() -> None:
    transform, turns = ClearedToolUses(), reads(5)

    one, two = (transform(asking(turns[:end], edit(350)), CONTEXT) for end in (9, 11))

    assert one.messages[2] is two.messages[2]
    assert cleared_in(one)[0]


@st.composite
def histories(draw: st.DrawFn) -> tuple[Turn, ...]:
    """Draw conversations of calls, some of them parallel, with other turns between."""
    calls = st.builds(
        lambda tool, size: (tool, {"path": tool}, "x" * size), st.sampled_from(["Read", "Search"]), st.integers(0, 900)
    )
    turns = [Turn("user", "Fix it.")]
    for number, answered in enumerate(draw(st.lists(st.lists(calls, min_size=1, max_size=3), max_size=10))):
        turns += turns_of(Round(*answered), number)
        turns += draw(st.sampled_from([(), (), (Turn("system", "Be brief."),), (Turn("user", "Go on."),)]))
    return tuple(turns)


edits = st.builds(
    lambda unit, size, keep, least, excluded, inputs: edit(
        size if unit == "tool_uses" else 50 * size,
        keep,
        unit,
        clear_at_least=at_least(least),
        exclude_tools=excluded,
        clear_tool_inputs=inputs,
    ),
    st.sampled_from(["tool_uses", "input_tokens"]),
    st.integers(0, 12),
    st.integers(0, 4),
    st.sampled_from([0, 0, 100, 400]),
    st.sampled_from([[], ["Search"]]),
    st.sampled_from([False, True, ["Read"]]),
)


@given(histories(), edits)
def test_clearing_twice_is_clearing_once(turns: tuple[Turn, ...], wanted: JsonObject) -> None:
    once = cleared(asking(turns, wanted))

    assert cleared(once) == once


@given(histories(), edits, st.floats(1.0, 8.0))
def test_every_call_keeps_its_result_and_the_last_ones_keep_their_text(
    turns: tuple[Turn, ...], wanted: JsonObject, rate: float
) -> None:
    before = asking(turns, wanted)
    after = cleared(before, PromptContext(characters_per_token=rate))

    assert [call.id for call in calls_of(after)] == [call.id for call in calls_of(before)]
    assert [(r.tool_use_id, r.is_error) for r in results_of(after)] == [
        (r.tool_use_id, r.is_error) for r in results_of(before)
    ]
    keep = wanted["keep"]
    assert isinstance(keep, dict)
    kept = keep["value"]
    assert isinstance(kept, int)
    last = max(len(results_of(before)) - kept, 0)
    assert results_of(after)[last:] == results_of(before)[last:]
    assert calls_of(after)[last:] == calls_of(before)[last:]


@given(histories(), edits)
def test_what_was_cleared_stays_cleared_and_otherwise_the_prompt_only_grows(
    turns: tuple[Turn, ...], wanted: JsonObject
) -> None:
    ends = [at for at, turn in enumerate(turns) if turn.role == "assistant"] + [len(turns)]
    sent = [cleared(asking(turns[:end], wanted)) for end in ends]

    for earlier, later in pairwise(sent):
        before, after = cleared_in(earlier), cleared_in(later)
        shared = after[: len(before)]
        assert all(now for now, was in zip(shared, before, strict=True) if was)
        if shared == before:
            assert later.messages[: len(earlier.messages)] == earlier.messages
