"""A script chooses its reply by reading the conversation."""

import pytest
from tests.parts.chat_reply import Refusal, call, reply, say
from tests.parts.chat_request import ChatRequest, read_chat_request
from tests.parts.chat_script import (
    ConversationScript,
    ScriptedConversation,
    UnscriptedRequest,
    always,
    by_model,
    in_turn,
    one_by_one,
)

from anyclaude.protocol.json_values import JsonObject, encode_json

ONE, TWO, THREE = reply(say("one")), reply(say("two")), reply(say("three"))


def request_with(*messages: tuple[str, str], model: str = "m") -> ChatRequest:
    """Return a request with these messages."""
    body: JsonObject = {"model": model, "messages": [{"role": role, "content": text} for role, text in messages]}
    return read_chat_request({}, encode_json(body))


def test_the_reply_is_chosen_by_the_number_of_assistant_messages() -> None:
    script = in_turn(ONE, TWO)

    assert script(request_with(("user", "go"))) == ONE
    assert script(request_with(("user", "go"), ("assistant", "one"), ("user", "on"))) == TWO


def test_a_repeated_request_gets_the_same_reply() -> None:
    script = in_turn(ONE, TWO)

    assert script(request_with(("user", "go"))) == script(request_with(("user", "go")))


def test_the_conversation_is_identified_by_its_opening_and_not_by_later_messages() -> None:
    script = ConversationScript(
        ScriptedConversation("count the lines", (TWO,)), ScriptedConversation("tidy up", (ONE, THREE))
    )

    assert script(request_with(("user", "tidy up"), ("assistant", "please count the lines"), ("user", "so"))) == THREE
    assert script(request_with(("user", "count the lines"))) == TWO


def test_a_scripted_reply_may_depend_on_the_request() -> None:
    script = in_turn(lambda request: reply(say(request.opening.upper())))

    assert script(request_with(("user", "go"))) == reply(say("GO"))


def test_a_request_without_a_scripted_reply_fails() -> None:
    script = ConversationScript(ScriptedConversation("tidy up", (ONE,)))

    with pytest.raises(UnscriptedRequest):
        script(request_with(("user", "something else")))
    with pytest.raises(UnscriptedRequest):
        script(request_with(("user", "tidy up"), ("assistant", "one"), ("user", "more")))


def test_requests_of_other_conversations_may_have_a_script_too() -> None:
    script = ConversationScript(ScriptedConversation("tidy up", (ONE,)), otherwise=always(TWO))

    assert script(request_with(("user", "a title, please"))) == TWO


def test_an_unknown_model_is_refused() -> None:
    script = by_model({"big": always(ONE)})

    assert script(request_with(("user", "go"), model="big")) == ONE
    assert isinstance(script(request_with(("user", "go"), model="small")), Refusal)


def test_replies_given_one_by_one_ignore_the_conversation() -> None:
    script = one_by_one(ONE, lambda request: TWO)

    assert [script(request_with(("user", "go"))) for _ in range(2)] == [ONE, TWO]
    with pytest.raises(UnscriptedRequest):
        script(request_with(("user", "go")))


def test_a_call_may_have_arguments_of_any_name() -> None:
    assert call("Skill", tool="x", name="y").arguments == '{"tool":"x","name":"y"}'
