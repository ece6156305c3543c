"""An invalid call is requested again with its tool's schema enforced, and replaced if the engine writes a valid one."""

import pytest

from anyclaude.exchange.second_try import replacement, usage_of_both
from anyclaude.filters import RejectedCall
from anyclaude.protocol.deltas import Delta, Finished, TextDelta, ThinkingDelta, ToolCallDelta, UsageReported
from anyclaude.protocol.messages_request import Tool

READ = Tool("Read", "", {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]})
CALL = RejectedCall("Read", (ToolCallDelta(2, "Read", '{"path"'), ToolCallDelta(2, "", ": }")), "not JSON")
END = Finished("end_turn")


@pytest.mark.parametrize(
    "reply",
    [
        [TextDelta('{"name": "Read", "argu'), TextDelta('ments": {"path":  "/a"}}\n'), END],
        [ThinkingDelta("Hm."), TextDelta('{"name": "Read", "arguments": {"path":  "/a"}}'), END],
        [ToolCallDelta(0, "Read", '{"path":'), ToolCallDelta(0, "", '  "/a"}'), Finished("tool_use")],
    ],
)
def test_the_call_takes_the_arguments_of_the_second_reply_as_they_were_written(reply: list[Delta]) -> None:
    assert replacement(CALL, reply, [READ]) == ToolCallDelta(2, "Read", '{"path":  "/a"}')


@pytest.mark.parametrize(
    "reply",
    [
        [],
        [TextDelta("Sorry."), END],
        [TextDelta('{"name": "Write", "arguments": {"path": "/a"}}'), END],
        [TextDelta('{"name": "Read", "arguments": {"path": "/a"}}')],
        [TextDelta('{"name": "Read", "arguments": {"path": "/a"}}'), Finished("max_tokens")],
        [TextDelta('{"name": "Read", "arguments": {"path": '), END],
        [ToolCallDelta(0, "Write", "{}"), END],
        [ToolCallDelta(0, "Read", '{"path'), END],
    ],
)
def test_anything_but_a_whole_and_valid_call_of_that_tool_does_not_replace_it(reply: list[Delta]) -> None:
    assert replacement(CALL, reply, [READ]) is None


def test_what_was_generated_adds_up_and_the_input_stays_that_of_the_first_request() -> None:
    first = UsageReported(100, 20, 0, 1.0, 0.5)
    second: list[Delta] = [UsageReported(100, None, 90), UsageReported(None, 7, None, 0.25, 0.25)]

    assert usage_of_both(first, second) == UsageReported(None, 27, None, 1.25, 0.75)
    assert usage_of_both(UsageReported(), []) == UsageReported()
