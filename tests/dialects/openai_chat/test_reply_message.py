"""A reply goes back as one message, with what the server requires of it."""

import pytest
from msgspec.structs import replace
from tests.dialects.openai_chat.conversations import PROFILE

from anyclaude.dialects.openai_chat.reply_message import Reply
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


def test_a_second_reply_joins_the_first_and_keeps_what_stood_before_it() -> None:
    before = reply("one", reasoning="thought").message(ALWAYS)

    assert reply("two", calls=(CALL,), reasoning="later").message(ALWAYS, before) == {
        "role": "assistant",
        "content": "one\n\ntwo",
        "reasoning_content": "thought",
        "tool_calls": [CALL],
    }
    assert reply("two").message(PROFILE, reply().message(PROFILE))["content"] == "two"


def test_unknown_reasoning_has_a_placeholder_only_with_a_call() -> None:
    assert reply(calls=(CALL,)).message(ALWAYS)["reasoning_content"] == " "
    assert "reasoning_content" not in reply("one").message(ALWAYS)
    assert "reasoning_content" not in reply(calls=(CALL,)).message(PROFILE)


def test_the_fields_that_the_server_wants_back_are_added() -> None:
    made = reply("one")
    made.provider_fields["reasoning_details"] = []

    assert made.message(PROFILE) == {"role": "assistant", "content": "one", "reasoning_details": []}
