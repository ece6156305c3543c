"""A reply goes back as one message, with what the server requires of it."""

import pytest
from msgspec.structs import replace
from tests.dialects.openai_chat.conversations import PROFILE

from anyclaude.dialects.openai_chat.reply_message import Reply, with_texts
from anyclaude.protocol.json_values import JsonObject

CALL: JsonObject = {"id": "call00001", "type": "function", "function": {"name": "Read", "arguments": "{}"}}
ALWAYS = replace(PROFILE, earlier_reasoning="always_reasoning_content")


def reply(*texts: str, calls: tuple[JsonObject, ...] = (), reasoning: str = "") -> Reply:
    made = Reply()
    for text in texts:
        made.add_text(text)
    made.calls.extend(calls)
    made.reasoning.append(reasoning)
    return made


def test_texts_are_separated_and_a_written_call_stands_as_it_was() -> None:
    made = reply("one", "two")
    made.add_written_call("\n<call>")
    made.add_text("three")

    assert made.message(PROFILE) == {"role": "assistant", "content": "one\n\ntwo\n<call>three"}


@pytest.mark.parametrize(
    ("made", "is_empty"),
    [(reply(), True), (reply(" \n"), True), (reply("x"), False), (reply(calls=(CALL,)), False)],
)
def test_a_reply_without_content_is_empty(made: Reply, is_empty: bool) -> None:
    assert made.is_empty is is_empty


def test_the_texts_of_later_replies_join_the_first() -> None:
    assert with_texts(reply("one").message(PROFILE), ["two", "three"])["content"] == "one\n\ntwo\n\nthree"
    assert with_texts(reply().message(PROFILE), ["two"])["content"] == "two"


def test_beside_the_text_a_reply_has_calls_and_what_goes_with_them() -> None:
    made = reply("two", calls=(CALL,), reasoning="later")

    assert made.fields_beside_text(ALWAYS) == {"reasoning_content": " ", "tool_calls": [CALL]}
    assert made.fields_beside_text(ALWAYS, has_reasoning=True) == {"tool_calls": [CALL]}


def test_unknown_reasoning_has_a_placeholder_only_with_a_call() -> None:
    assert reply(calls=(CALL,)).message(ALWAYS)["reasoning_content"] == " "
    assert "reasoning_content" not in reply("one").message(ALWAYS)
    assert "reasoning_content" not in reply(calls=(CALL,)).message(PROFILE)


def test_the_fields_that_the_server_wants_back_are_added() -> None:
    made = reply("one")
    made.provider_fields["reasoning_details"] = []

    assert made.message(PROFILE) == {"role": "assistant", "content": "one", "reasoning_details": []}


def test_the_parts_of_a_text_that_was_divided_are_joined_as_they_were() -> None:
    made = Reply()
    made.add_text("One. ")
    made.add_text("Two. ", is_part=True)
    made.add_text("Three.")
    made.add_text("Another text.")

    assert made.content == "One. Two. Three.\n\nAnother text."
