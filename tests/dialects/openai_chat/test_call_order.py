"""Calls that were made at once, one after the other."""

from msgspec.structs import replace

from anyclaude.dialects.openai_chat.conversation import encode_conversation
from anyclaude.dialects.openai_chat.dropped_fields import DroppedFields
from anyclaude.profiles import profile_named
from anyclaude.protocol.content import TextBlock, ThinkingBlock, ToolResultBlock, ToolUseBlock
from anyclaude.protocol.json_values import JsonObject
from anyclaude.protocol.messages_request import MessagesRequest, Turn

ONE = replace(
    profile_named("generic"),
    calls_in_message="one",
    earlier_reasoning="always_reasoning_content",
    empty_content="empty_string",
)


def messages(*turns: Turn) -> list[JsonObject]:
    """Return the messages of a conversation with a server that takes one call in a message."""
    return encode_conversation(MessagesRequest(model="m", max_tokens=100, messages=turns), ONE, DroppedFields())


CALLS = Turn(
    "assistant",
    (
        ThinkingBlock("Both.", ""),
        TextBlock("Reading."),
        ToolUseBlock("a", "Read", {"path": "/a"}),
        ToolUseBlock("b", "Read", {"path": "/b"}),
    ),
)
RESULTS = Turn("user", (ToolResultBlock("b", "of b"), ToolResultBlock("a", "of a"), TextBlock("Go on.")))


def test_each_call_stands_before_its_result_and_the_text_with_the_first() -> None:
    sent = messages(Turn("user", "Read both."), CALLS, RESULTS)

    said = [(message["role"], message["content"], "tool_calls" in message) for message in sent]
    assert said == [
        ("user", "Read both.", False),
        ("assistant", "Reading.", True),
        ("tool", "of a", False),
        ("assistant", "", True),
        ("tool", "of b", False),
        ("user", "Go on.", False),
    ]
    assert [message["reasoning_content"] for message in sent if "tool_calls" in message] == ["Both.", " "]


def test_later_turns_leave_earlier_ones_as_they_are() -> None:
    turns = (Turn("user", "Read both."), CALLS, RESULTS)
    assert messages(*turns, Turn("assistant", "Done."), Turn("user", "Thanks."))[:6] == messages(*turns)
