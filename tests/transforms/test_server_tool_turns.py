"""An assistant turn with searches becomes calls and results in turns of their own, and keeps the prefix."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from anyclaude.protocol.content import ContentBlock, TextBlock, ToolResultBlock, ToolUseBlock, decode_block
from anyclaude.protocol.json_values import JsonValue
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.protocol.server_tools import server_tool_call, server_tool_result
from anyclaude.transforms import PromptContext, ServerToolTurns
from anyclaude.transforms.server_tool_turns import NOT_RUN

QUESTION = Turn("user", "When?")
THANKS = Turn("user", "Thanks!")
LOOK = ToolUseBlock("toolu_1", "look", {})
SEEN = ToolResultBlock("toolu_1", "Waves.")


def search(number: int) -> ContentBlock:
    raw: JsonValue = {
        "type": "server_tool_use",
        "id": f"s{number}",
        "name": "web_search",
        "input": {"query": str(number)},
    }
    return decode_block(raw, "block")


def found(number: int) -> ContentBlock:
    return decode_block({"type": "web_search_tool_result", "tool_use_id": f"s{number}", "content": []}, "block")


def divided(*turns: Turn) -> tuple[Turn, ...]:
    request = MessagesRequest(model="m", max_tokens=1, messages=turns)
    transform = ServerToolTurns()
    changed = transform(request, PromptContext())
    assert transform(changed, PromptContext()) is changed
    return changed.messages


def kinds(turns: Sequence[Turn]) -> list[list[str]]:
    return [
        [turn.role, *([] if isinstance(turn.content, str) else [type(block).__name__ for block in turn.content])]
        for turn in turns
    ]


def test_each_search_is_a_call_and_its_result() -> None:
    answer = Turn("assistant", (TextBlock("I look."), search(1), found(1), TextBlock("At two.")))

    assert kinds(divided(QUESTION, answer, THANKS)) == [
        ["user"],
        ["assistant", "TextBlock", "ToolUseBlock"],
        ["user", "ToolResultBlock"],
        ["assistant", "TextBlock"],
        ["user"],
    ]


def test_searches_of_one_reply_stay_together() -> None:
    answer = Turn("assistant", (search(1), search(2), found(1), found(2), TextBlock("At two.")))

    assert kinds(divided(QUESTION, answer))[1:3] == [
        ["assistant", "ToolUseBlock", "ToolUseBlock"],
        ["user", "ToolResultBlock", "ToolResultBlock"],
    ]


def test_the_result_of_a_search_stands_with_those_of_the_client() -> None:
    answer = Turn("assistant", (LOOK, search(1), found(1)))

    assert kinds(divided(QUESTION, answer, Turn("user", (SEEN,))))[1:] == [
        ["assistant", "ToolUseBlock", "ToolUseBlock"],
        ["user", "ToolResultBlock", "ToolResultBlock"],
    ]


def test_a_message_that_paused_is_continued_by_its_results() -> None:
    assert kinds(divided(QUESTION, Turn("assistant", (search(1), found(1)))))[-1] == ["user", "ToolResultBlock"]


def test_a_search_that_was_cut_was_not_run() -> None:
    *_, last = divided(QUESTION, Turn("assistant", (search(1),)), THANKS)

    assert last.content[0] == ToolResultBlock("s1", NOT_RUN, is_error=True)
    assert last.content[1] == TextBlock("Thanks!")


def test_a_result_without_its_call_and_a_turn_without_searches_stay() -> None:
    turns = (QUESTION, Turn("assistant", (TextBlock("x"), found(1))), THANKS)

    assert divided(*turns) == turns


MCP_CALL = decode_block(
    {"type": "mcp_tool_use", "id": "m1", "name": "echo", "server_name": "example", "input": {}}, "block"
)
MCP_RESULT = decode_block({"type": "mcp_tool_result", "tool_use_id": "m1", "content": "hello"}, "block")


def test_a_call_that_anthropics_servers_have_run_is_a_call_and_its_result() -> None:
    made = divided(QUESTION, Turn("assistant", (MCP_CALL, MCP_RESULT, TextBlock("Done."))), THANKS)

    assert made[1:3] == (
        Turn("assistant", (ToolUseBlock("m1", "mcp__example__echo", {}),)),
        Turn("user", (ToolResultBlock("m1", "hello"),)),
    )


def test_its_result_without_the_call_is_not_lost() -> None:
    made = divided(QUESTION, Turn("assistant", (TextBlock("a"), MCP_RESULT)), THANKS)

    assert made[1] == Turn("assistant", (TextBlock("a"), ToolResultBlock("m1", "hello")))


blocks = st.lists(
    st.sampled_from([TextBlock("a"), LOOK, *(search(n) for n in (1, 2)), *(found(n) for n in (1, 2))]),
    min_size=1,
    max_size=8,
).map(tuple)


@given(st.lists(blocks, min_size=1, max_size=3))
def test_nothing_is_lost_and_each_call_has_one_result_after_it(replies: list[tuple[ContentBlock, ...]]) -> None:
    turns = [turn for reply in replies for turn in (QUESTION, Turn("assistant", reply))]
    made = divided(*turns, THANKS)

    open_calls: list[str] = []
    for turn in made:
        for block in turn.content if not isinstance(turn.content, str) else ():
            if isinstance(block, ToolUseBlock) and block is not LOOK:
                open_calls.append(block.id)
            if isinstance(block, ToolResultBlock):
                open_calls.remove(block.tool_use_id)
        if turn.role == "user":
            assert not open_calls, "a result stands before the user speaks"
    text = TextBlock("a")
    written = sum(block == text for reply in replies for block in reply)
    assert written == sum(block == text for turn in made if turn.role == "assistant" for block in turn.content)


@given(blocks, blocks)
def test_the_prefix_stays_when_the_conversation_goes_on(
    one: tuple[ContentBlock, ...], other: tuple[ContentBlock, ...]
) -> None:
    begun = divided(QUESTION, Turn("assistant", one), THANKS)
    gone_on = divided(QUESTION, Turn("assistant", one), THANKS, Turn("assistant", other), THANKS)

    assert gone_on[: len(begun)] == begun


def test_the_blocks_of_the_protocol_are_recognised() -> None:
    assert server_tool_call(search(1)) is not None
    assert server_tool_result(found(1)) is not None
