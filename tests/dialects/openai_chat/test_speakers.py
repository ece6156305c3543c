"""A turn is divided by who speaks in it."""

import pytest

from anyclaude.dialects.openai_chat.speakers import by_speaker, is_prefill
from anyclaude.protocol.content import ContentBlock, TextBlock, ToolResultBlock, ToolUseBlock
from anyclaude.protocol.messages_request import Turn

TEXT, CALL, RESULT = TextBlock("text"), ToolUseBlock("t", "Read", {}), ToolResultBlock("t", "result")


@pytest.mark.parametrize(
    ("turn", "pieces"),
    [
        (Turn("assistant", (TEXT, CALL)), [("assistant", (TEXT, CALL))]),
        (
            Turn("assistant", (CALL, RESULT, TEXT)),
            [("assistant", (CALL,)), ("user", (RESULT,)), ("assistant", (TEXT,))],
        ),
        (Turn("user", (RESULT, TEXT, CALL)), [("user", (RESULT, TEXT)), ("assistant", (CALL,))]),
        (Turn("system", (TEXT, CALL)), [("system", (TEXT, CALL))]),
        (Turn("user", ()), [("user", ())]),
    ],
)
def test_only_the_assistant_calls_tools_and_only_the_user_has_results(
    turn: Turn, pieces: list[tuple[str, tuple[ContentBlock, ...]]]
) -> None:
    assert list(by_speaker(turn)) == pieces


@pytest.mark.parametrize(
    ("turn", "has_begun"),
    [
        (Turn("assistant", "{"), True),
        (Turn("assistant", (TEXT, CALL)), False),
        (Turn("user", "hello"), False),
    ],
)
def test_a_last_turn_is_a_reply_that_has_begun_if_it_calls_no_tool(turn: Turn, has_begun: bool) -> None:
    assert is_prefill(turn) is has_begun
