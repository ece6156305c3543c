"""Two prompts have the same digest if they begin alike, and only then."""

import pytest
from msgspec.structs import replace

from anyclaude.protocol.content import TextBlock, UnknownBlock
from anyclaude.protocol.messages_request import MessagesRequest, Tool, Turn
from anyclaude.protocol.prompt_beginning import PromptBeginning

REQUEST = MessagesRequest(
    model="m",
    max_tokens=1,
    messages=(Turn("user", (TextBlock("Hello"),)), Turn("assistant", "Hi")),
    system=(TextBlock("Be brief."), TextBlock("Be kind.")),
    tools=(Tool("Read", "Reads.", {"a": 1, "b": 2}), Tool("Write", "Writes.", {})),
)


def test_what_follows_the_first_message_does_not_count_nor_do_the_settings() -> None:
    beginning = PromptBeginning()
    longer = replace(REQUEST, messages=(*REQUEST.messages, Turn("user", "More")), max_tokens=7, model="n")

    assert beginning(longer) == beginning(REQUEST) == PromptBeginning()(REQUEST)


def test_an_equal_prompt_of_other_objects_has_the_same_digest() -> None:
    again = replace(REQUEST, tools=(Tool("Read", "Reads.", {"b": 2, "a": 1}), Tool("Write", "Writes.", {})))

    assert again == REQUEST
    assert PromptBeginning()(again) == PromptBeginning()(REQUEST)


@pytest.mark.parametrize(
    "changes",
    [
        {"system": (TextBlock("Be brief."),)},
        {"system": (TextBlock("Be brief.Be kind."),)},
        {"system": (TextBlock("Be brief."), UnknownBlock("new", {"type": "new"}))},
        {"tools": REQUEST.tools[::-1]},
        {"tools": (Tool("Read", "Reads.", {"a": 1, "b": 3}), REQUEST.tools[1])},
        {"tools": ()},
        {"messages": (Turn("user", (TextBlock("Hello!"),)), REQUEST.messages[1])},
        {"messages": (Turn("assistant", (TextBlock("Hello"),)), REQUEST.messages[1])},
    ],
)
def test_another_beginning_has_another_digest(changes: dict[str, object]) -> None:
    beginning = PromptBeginning()

    assert beginning(replace(REQUEST, **changes)) != beginning(REQUEST)
