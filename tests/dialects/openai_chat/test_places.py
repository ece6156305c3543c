"""The system prompt, text beside results, and a reply that has begun stand where the server accepts them."""

import pytest
from msgspec.structs import replace
from tests.dialects.openai_chat.conversations import PROFILE, body_of, dropped_from, messages_of

from anyclaude.profiles import BackendProfile
from anyclaude.protocol.json_values import JsonObject, JsonValue

HELLO: JsonObject = {"role": "user", "content": "hello"}
CALL: JsonObject = {
    "role": "assistant",
    "content": [{"type": "tool_use", "id": "t1", "name": "Read", "input": {"path": "/a"}}],
}
IMAGE: JsonObject = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}}
BE_BRIEF: JsonObject = {"type": "text", "text": "be brief"}
RULE: JsonObject = {"role": "system", "content": "late rule"}
UNDERSTOOD: JsonObject = {"role": "assistant", "content": "Understood."}
BOTH_BOUND = pytest.mark.parametrize("place", ["last_result", "after_assistant"])


def result(content: JsonValue, *beside: JsonValue) -> JsonObject:
    return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": content}, *beside]}


def placed(place: str) -> BackendProfile:
    return replace(PROFILE, text_after_results="last_result" if place == "last_result" else "after_assistant")


def after_the_call(turns: list[JsonValue], place: str) -> list[JsonObject]:
    return messages_of([HELLO, CALL, *turns], placed(place))[2:]


def tool(content: str) -> JsonObject:
    return {"role": "tool", "tool_call_id": "call00001", "content": content}


def user(content: JsonValue) -> JsonObject:
    return {"role": "user", "content": content}


def test_text_beside_a_result_stands_in_the_result() -> None:
    assert after_the_call([result("the file", BE_BRIEF)], "last_result") == [tool("the file\n\nbe brief")]


def test_text_beside_a_result_stands_after_a_message_of_the_assistant() -> None:
    messages = after_the_call([result("the file", BE_BRIEF)], "after_assistant")

    assert messages == [tool("the file"), UNDERSTOOD, user("be brief")]


def test_an_instruction_after_a_result_stands_where_text_does() -> None:
    reminder = "<system-reminder>\nlate rule\n</system-reminder>"

    assert after_the_call([result("the file"), RULE], "last_result") == [tool(f"the file\n\n{reminder}")]
    assert after_the_call([result("the file"), RULE], "after_assistant")[-1] == user(reminder)


def test_an_instruction_after_a_result_is_no_system_message_even_if_the_template_has_late_ones() -> None:
    profile = replace(placed("last_result"), mid_conversation_system="system_message")
    turns = [HELLO, CALL, result("the file"), RULE, HELLO, {"role": "assistant", "content": "yes"}, RULE]

    roles = [message["role"] for message in messages_of(turns, profile)]

    assert roles == ["user", "assistant", "tool", "assistant", "system"]


@BOTH_BOUND
def test_pictures_of_a_result_stand_after_a_message_of_the_assistant(place: str) -> None:
    messages = after_the_call([result([IMAGE], BE_BRIEF)], place)

    assert [message["role"] for message in messages] == ["tool", "assistant", "user"]
    assert "image_url" in str(messages[-1]["content"])
    assert "be brief" in str(messages[-1]["content"])


@BOTH_BOUND
def test_a_result_alone_is_sent_as_before(place: str) -> None:
    assert after_the_call([result("the file")], place) == [tool("the file")]


def test_a_result_without_text_takes_the_text_beside_it() -> None:
    assert after_the_call([result("", BE_BRIEF)], "last_result") == [tool("be brief")]


def test_the_system_prompt_stands_at_the_front_of_the_first_user_turn() -> None:
    profile = replace(PROFILE, system_prompt="first_user_message")

    assert messages_of([HELLO], profile, system="You write code.") == [user("You write code.\n\nhello")]
    assert messages_of([RULE, HELLO], profile) == [user("late rule\n\nhello")]


def test_the_system_prompt_is_a_turn_of_its_own_before_an_assistant_that_speaks_first() -> None:
    profile = replace(PROFILE, system_prompt="first_user_message")
    answer: JsonObject = {"role": "assistant", "content": "hi"}

    assert messages_of([answer, HELLO], profile, system="You write code.") == [
        user("You write code."),
        answer,
        user("hello"),
    ]


BEGUN: list[JsonValue] = [{"role": "user", "content": "answer in JSON"}, {"role": "assistant", "content": "{"}]


def test_a_reply_that_has_begun_is_part_of_the_question() -> None:
    profile = replace(PROFILE, prefill="in_question")
    (question,) = messages_of(BEGUN, profile)

    assert question["role"] == "user"
    assert str(question["content"]).startswith("answer in JSON\n\n")
    assert str(question["content"]).endswith("<begun>{</begun>")
    assert dropped_from(profile, messages=BEGUN) == {"messages.prefill": 1}


def test_a_reply_that_has_begun_after_a_result_keeps_to_the_order_of_roles() -> None:
    profile = replace(placed("after_assistant"), prefill="in_question")
    turns = [HELLO, CALL, result("the file"), {"role": "assistant", "content": "The file"}]

    roles = [message["role"] for message in messages_of(turns, profile)]

    assert roles == ["user", "assistant", "tool", "assistant", "user"]


def test_a_server_that_gets_the_beginning_in_the_question_is_not_told_to_continue_a_message() -> None:
    profile = replace(PROFILE, prefill="in_question", continuation="continue_final_message")

    assert "continue_final_message" not in body_of(profile, messages=BEGUN)


@pytest.mark.parametrize(
    ("profile", "content"),
    [
        (replace(PROFILE, empty_content="null"), None),
        (replace(PROFILE, empty_content="empty_string"), ""),
        (replace(PROFILE, empty_content="placeholder"), "(no content)"),
    ],
)
def test_a_message_that_has_only_calls_has_the_content_that_the_server_accepts(
    profile: BackendProfile, content: JsonValue
) -> None:
    assert messages_of([HELLO, CALL, result("the file")], profile)[1]["content"] == content


def test_a_result_has_the_name_of_its_tool_where_the_server_requires_it() -> None:
    profile = replace(PROFILE, names_results=True, tool_names="plain")
    long_call: JsonObject = {"role": "assistant", "content": [{**_call(), "name": "mcp__files-of-the-team__Read"}]}
    _, call, answer = messages_of([HELLO, long_call, result("the file")], profile)

    assert str(answer["name"]).startswith("mcp__files_of_the_team__Read"[-22:])
    assert str(answer["name"]) in str(call["tool_calls"])


def _call() -> JsonObject:
    content = CALL["content"]
    assert isinstance(content, list)
    assert isinstance(content[0], dict)
    return content[0]


def test_reasoning_is_sent_with_every_call_where_the_server_requires_it() -> None:
    profile = replace(PROFILE, earlier_reasoning="always_reasoning_content")
    thought: JsonObject = {"type": "thinking", "thinking": "I should read it.", "signature": "of another server"}
    thoughtful: JsonObject = {"role": "assistant", "content": [thought, _call()]}

    assert messages_of([HELLO, thoughtful, result("x")], profile)[1]["reasoning_content"] == "I should read it."
    assert messages_of([HELLO, CALL, result("x")], profile)[1]["reasoning_content"] == " "
    assert "reasoning_content" not in messages_of([HELLO, {"role": "assistant", "content": "yes"}, HELLO], profile)[1]
