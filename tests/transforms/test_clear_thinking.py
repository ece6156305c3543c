"""The thinking of old turns is cleared where the client asks for it, and the prompt changes only where that begins."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.parts.tool_rounds import request_of

from anyclaude.protocol.content import (
    ContentBlock,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    blocks_of,
    encode_block,
)
from anyclaude.protocol.context_management import CLEAR_THINKING, CLEAR_TOOL_USES
from anyclaude.protocol.events import AppliedThinkingClearing, ContextManagement
from anyclaude.protocol.json_values import JsonObject
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.protocol.prompt_size import prompt_characters
from anyclaude.protocol.provider_fields import ProviderFields
from anyclaude.transforms import ClearedThinking, ClearedToolUses, PromptContext, Transform, applied_edits, prepare
from anyclaude.transforms.clear_tool_uses import PLACEHOLDER

CONTEXT = PromptContext(characters_per_token=4.0)
THOUGHT = "hm" * 200
"""100 tokens."""

ASKED = Turn("user", "And now?")
ANSWERED = Turn("assistant", (ThinkingBlock(THOUGHT, "signed"), TextBlock("So.")))


def keeping(turns: int) -> JsonObject:
    return {"type": CLEAR_THINKING, "keep": {"type": "thinking_turns", "value": turns}}


def asking(turns: tuple[Turn, ...], *edits: JsonObject) -> MessagesRequest:
    return replace(request_of(*turns), context_management={"edits": list(edits)})


def cleared(request: MessagesRequest, context: PromptContext = CONTEXT) -> MessagesRequest:
    return ClearedThinking()(request, context)


def called(number: int, thought: str = THOUGHT, result: str = "ok") -> tuple[Turn, Turn]:
    thinking = (ThinkingBlock(thought),) if thought else ()
    call = ToolUseBlock(f"toolu_{number}", "Read", {"path": f"/{number}"})
    return Turn("assistant", (*thinking, call)), Turn("user", (ToolResultBlock(call.id, result),))


def thoughts_in(request: MessagesRequest) -> list[bool]:
    """Return of each thought in order whether it is still there."""
    return [bool(block.thinking) for block in all_blocks(request) if isinstance(block, ThinkingBlock)]


def all_blocks(request: MessagesRequest) -> list[ContentBlock]:
    return [block for turn in request.messages for block in blocks_of(turn.content)]


def test_the_latest_turns_keep_their_thinking() -> None:
    turns = (ASKED, ANSWERED) * 4

    assert thoughts_in(cleared(asking((*turns, ASKED), keeping(1)))) == [False, False, False, True]
    assert thoughts_in(cleared(asking((*turns, ASKED), keeping(3)))) == [False, True, True, True]
    assert thoughts_in(cleared(asking((*turns, ASKED), {"type": CLEAR_THINKING}))) == [False, False, False, True]


def test_without_being_asked_or_without_old_thinking_the_request_stays_the_same_object() -> None:
    turns = (*(ASKED, ANSWERED) * 4, ASKED)

    for request in (
        request_of(*turns),
        asking(turns),
        asking(turns, {"type": CLEAR_THINKING, "keep": "all"}),
        asking(turns, keeping(4)),
        asking(turns[:3], keeping(1)),
    ):
        assert cleared(request) is request


def test_where_the_server_is_sent_no_thinking_nothing_is_cleared_and_nothing_is_claimed() -> None:
    request = asking((*(ASKED, ANSWERED) * 4, ASKED), keeping(1))
    context = replace(CONTEXT, sends_thinking=False)

    prompt = prepare(request, [ClearedThinking()], context, prompt_characters)

    assert prompt.request is request
    assert applied_edits(prompt, 4.0) == ContextManagement()


def test_a_turn_lasts_with_all_its_calls_until_the_user_speaks() -> None:
    working = (ASKED, *called(1), *called(2))

    assert thoughts_in(cleared(asking((ASKED, ANSWERED, *working), keeping(1)))) == [True, True, True]
    request = cleared(asking((ASKED, ANSWERED, *working, ANSWERED, ASKED), keeping(1)))
    assert thoughts_in(request) == [False, True, True, True]
    request = cleared(asking((*working, ANSWERED, ASKED, ANSWERED, ASKED), keeping(1)))
    assert thoughts_in(request) == [False, False, False, True]


def test_little_thinking_waits_until_it_is_worth_what_is_evaluated_again() -> None:
    few = (ASKED, *called(1, thought="hm", result="x" * 900), ANSWERED, ASKED, ANSWERED, ASKED)

    assert thoughts_in(cleared(asking(few[:3] + few[4:], keeping(1)))) == [True, True]
    assert thoughts_in(cleared(asking(few, keeping(1)))) == [False, False, True]


def test_texts_and_calls_stay_and_reasoning_that_a_server_wants_back_goes_too() -> None:
    call = ToolUseBlock(
        "toolu_1", "Read", {}, raw_arguments="{ }", provider_fields=ProviderFields(call="{}", reasoning=THOUGHT)
    )
    first = Turn("assistant", (ThinkingBlock(THOUGHT), TextBlock("I look."), call))

    request = cleared(
        asking((ASKED, first, Turn("user", (ToolResultBlock("toolu_1", "ok"),)), ASKED, ANSWERED, ASKED), keeping(1))
    )

    _, text, kept = blocks_of(request.messages[1].content)
    assert text == TextBlock("I look.")
    assert kept == replace(call, provider_fields=ProviderFields(call="{}"))


def test_what_is_kept_of_a_cleared_thought_never_goes_on_the_wire() -> None:
    request = cleared(asking((*(ASKED, ANSWERED) * 2, ASKED), keeping(1)))

    (thought, _) = blocks_of(request.messages[1].content)
    assert encode_block(thought) == {"type": "thinking", "thinking": "", "signature": ""}


def test_the_client_and_the_journal_learn_what_was_cleared() -> None:
    request = asking((ASKED, *called(1), ANSWERED, *(ASKED, ANSWERED) * 2, ASKED), keeping(1))

    prompt = prepare(request, [ClearedThinking(), ClearedToolUses()], CONTEXT, prompt_characters)

    assert [step.name for step in prompt.steps] == ["cleared thinking"]
    assert applied_edits(prompt, 4.0) == ContextManagement((AppliedThinkingClearing(2, 300),))


def test_thinking_is_cleared_before_it_is_asked_whether_the_trigger_of_the_tool_results_fires() -> None:
    turns = (ASKED, *called(1, result="x" * 400), *called(2, result="x" * 400), ASKED, ANSWERED, ASKED)
    tools: JsonObject = {
        "type": CLEAR_TOOL_USES,
        "trigger": {"type": "input_tokens", "value": 450},
        "keep": {"type": "tool_uses", "value": 1},
    }

    def first_result(*edits: JsonObject) -> object:
        prompt = prepare(asking(turns, *edits), [ClearedThinking(), ClearedToolUses()], CONTEXT, prompt_characters)
        return next(block.content for block in all_blocks(prompt.request) if isinstance(block, ToolResultBlock))

    assert first_result(tools) == PLACEHOLDER
    assert first_result(keeping(1), tools) == "x" * 400


def test_a_cleared_turn_is_the_same_object_in_every_request() -> None:
    transform, turns = ClearedThinking(), (ASKED, ANSWERED) * 5

    one, two = (transform(asking((*turns[:end], ASKED), keeping(1)), CONTEXT) for end in (6, 8))

    assert one.messages[1] is two.messages[1]


@st.composite
def histories(draw: st.DrawFn) -> tuple[Turn, ...]:
    """Draw conversations of turns, with calls and thoughts of any size."""
    sizes = st.integers(0, 300)
    turns: list[Turn] = []
    number = 0
    for calls in draw(st.lists(st.integers(0, 3), max_size=7)):
        turns.append(ASKED)
        for _ in range(calls):
            number += 1
            turns += called(number, "h" * draw(sizes), "x" * draw(st.sampled_from([2, 900])))
            turns += draw(st.sampled_from([(), (Turn("system", "Be brief."),)]))
        turns.append(Turn("assistant", (ThinkingBlock("h" * draw(sizes)), TextBlock("So."))))
    return (*turns, ASKED)


clearing_tools = st.builds(
    lambda trigger, keep: {
        "type": CLEAR_TOOL_USES,
        "trigger": {"type": "input_tokens", "value": trigger},
        "keep": {"type": "tool_uses", "value": keep},
    },
    st.integers(0, 900),
    st.integers(0, 3),
)


@given(histories(), st.integers(1, 3))
def test_clearing_twice_is_clearing_once(turns: tuple[Turn, ...], keep: int) -> None:
    once = cleared(asking(turns, keeping(keep)))

    assert cleared(once) == once


@given(histories(), st.integers(1, 3), st.none() | clearing_tools)
def test_what_was_cleared_stays_cleared_and_otherwise_the_prompt_only_grows(
    turns: tuple[Turn, ...], keep: int, tools: JsonObject | None
) -> None:
    edits = [keeping(keep), *([] if tools is None else [tools])]
    ends = [at for at, turn in enumerate(turns) if turn.role == "assistant"] + [len(turns)]
    transforms: list[Transform] = [ClearedThinking(), ClearedToolUses()]
    sent = [prepare(asking(turns[:end], *edits), transforms, CONTEXT, prompt_characters).request for end in ends]

    for earlier, later in pairwise(sent):
        before, after = edits_in(earlier), edits_in(later)
        shared = after[: len(before)]
        assert all(now for now, was in zip(shared, before, strict=True) if was)
        if shared == before:
            assert later.messages[: len(earlier.messages)] == earlier.messages


def edits_in(request: MessagesRequest) -> list[bool]:
    """Return of each thought and each result in order whether it is cleared."""
    return [
        block.content == PLACEHOLDER if isinstance(block, ToolResultBlock) else block.cleared > 0
        for block in all_blocks(request)
        if isinstance(block, ToolResultBlock | ThinkingBlock)
    ]
