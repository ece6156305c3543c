"""Characters weigh what tokenizers make of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.parts.tool_rounds import READ, conversation, request_of

from anyclaude.protocol.messages_request import MessagesRequest, Tool, Turn
from anyclaude.protocol.prompt_size import prompt_characters
from anyclaude.protocol.prompt_weight import PromptWeight, text_weight


@pytest.mark.parametrize(
    ("text", "weight"), [("", 0), ("ten chars.", 10), ("1, 2", 10), ("ä", 2), ("模型", 6), ("🙂", 4)]
)
def test_digits_weigh_as_much_as_a_token_and_other_scripts_more_than_letters(text: str, weight: int) -> None:
    assert text_weight(text) == weight


@given(st.text(), st.text())
def test_weights_add_up_and_are_never_less_than_the_characters(one: str, other: str) -> None:
    assert text_weight(one + other) == text_weight(one) + text_weight(other)
    assert text_weight(one) >= len(one)


def test_letters_in_every_section_weigh_one_each() -> None:
    tool = Tool("Read", "It reads a file.", {"type": "object"})
    request = MessagesRequest(
        model="m", max_tokens=1, system="Be brief.", tools=(tool,), messages=conversation(READ, READ)
    )

    assert PromptWeight()(request) == prompt_characters(request) > 0


def test_the_beginning_is_the_part_that_later_prompts_share() -> None:
    weight, turns = PromptWeight(), conversation(READ, READ)
    shorter, longer, other = request_of(*turns[:1]), request_of(*turns), request_of(Turn("user", "Break it."))

    assert weight.of_beginning(longer) == weight.of_beginning(shorter) == weight(shorter) < weight(longer)
    assert weight.of_beginning(other) != weight.of_beginning(longer)
