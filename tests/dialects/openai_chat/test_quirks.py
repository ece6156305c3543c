"""Whatever a server accepts: earlier messages stay, roles are in order, every call is answered."""

import json
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.dialects.openai_chat.conversations import PROFILE, Shape, asked, assert_extends, conversation, shapes

from anyclaude.dialects.openai_chat.conversation import Spoken, encode_conversation
from anyclaude.dialects.openai_chat.dropped_fields import DroppedFields
from anyclaude.dialects.openai_chat.refused_fields import with_substitutes
from anyclaude.profiles import BackendProfile
from anyclaude.protocol.json_values import JsonObject, JsonValue

PLAIN = replace(PROFILE, mid_conversation_system="user_reminder")

profiles: st.SearchStrategy[BackendProfile] = st.builds(
    lambda **quirks: with_substitutes(replace(PROFILE, **quirks)),
    tools_sent_as=st.sampled_from(["tools", "words"]),
    tool_names=st.sampled_from(["chat_completions", "plain"]),
    names_results=st.booleans(),
    system_prompt=st.sampled_from(["system_message", "first_user_message"]),
    mid_conversation_system=st.sampled_from(["user_reminder", "system_message"]),
    text_after_results=st.sampled_from(["user_message", "last_result", "after_assistant"]),
    prefill=st.sampled_from(["assistant_message", "in_question"]),
    empty_content=st.sampled_from(["null", "empty_string", "placeholder"]),
    earlier_reasoning=st.sampled_from(["drop", "reasoning_content", "always_reasoning_content"]),
    written_calls=st.sampled_from(["as_text", "as_calls"]),
)
"""Every combination of the quirks that change the messages."""

GO_ON: JsonObject = {"role": "user", "content": [{"type": "text", "text": "go on"}]}
systems = st.sampled_from(["", "You write code."])
RESULT_AND_TEXT: list[Shape] = [("user", ("text",)), ("assistant", ("tool_use",)), ("user", ("tool_result", "text"))]
RESULT_AND_RULE: list[Shape] = [*RESULT_AND_TEXT[:2], ("user", ("tool_result",)), ("system", ("text",))]


def encoded(
    turns: list[JsonObject], profile: BackendProfile, system: str, spoken: Spoken | None = None
) -> list[JsonObject]:
    request = asked(messages=[*turns], system=system)
    return encode_conversation(request, profile, DroppedFields(), spoken or Spoken())


def ends_in_prefill(turns: list[JsonObject]) -> bool:
    content = turns[-1]["content"]
    assert isinstance(content, list)
    return turns[-1]["role"] == "assistant" and '"tool_use"' not in json.dumps(content)


def roles_of(messages: list[JsonObject]) -> list[JsonValue]:
    return [message["role"] for message in messages]


@example(shape=RESULT_AND_TEXT, profile=replace(PLAIN, text_after_results="last_result"), system="")
@example(shape=RESULT_AND_RULE, profile=replace(PLAIN, text_after_results="after_assistant"), system="")
@given(shape=shapes, profile=profiles, system=systems)
def test_a_later_turn_never_changes_the_messages_before_it(
    shape: list[Shape], profile: BackendProfile, system: str
) -> None:
    turns = conversation(shape)
    stays = [
        turns[:length]
        for length in range(1, len(turns) + 1)
        if profile.prefill == "assistant_message" or not ends_in_prefill(turns[:length])
    ]
    for before, after in pairwise(stays):
        assert_extends(encoded(before, profile, system), encoded(after, profile, system))


@given(shape=shapes, profile=profiles, system=systems)
def test_what_is_said_at_the_end_of_a_prompt_leaves_everything_before_it(
    shape: list[Shape], profile: BackendProfile, system: str
) -> None:
    turns = [*conversation(shape), GO_ON]
    silent = encoded(turns, profile, system)

    spoken = encoded(turns, profile, system, Spoken(instructions=("Call one of the tools now.",)))

    assert_extends(silent, spoken)
    assert str(spoken[-1]["content"]).rstrip("}]'").endswith("Call one of the tools now.")


@given(shape=shapes, profile=profiles, system=systems)
def test_roles_are_in_the_order_that_templates_accept(shape: list[Shape], profile: BackendProfile, system: str) -> None:
    roles = roles_of(encoded(conversation(shape), profile, system))
    pairs = set(pairwise(roles))
    spoken = [role for role in roles if role != "system"]

    assert not pairs & {("user", "user"), ("assistant", "assistant")}
    assert spoken[:1] != ["assistant"]
    if profile.text_after_results != "user_message":
        assert not pairs & {("tool", "user"), ("tool", "system")}
    if profile.system_prompt == "first_user_message":
        assert "system" not in roles
    if profile.tools_sent_as == "words":
        assert "tool" not in roles


@given(shape=shapes, profile=profiles)
def test_every_call_has_its_result(shape: list[Shape], profile: BackendProfile) -> None:
    messages = encoded(
        [*conversation(shape), {"role": "user", "content": [{"type": "text", "text": "go on"}]}], profile, ""
    )
    waiting: list[str] = []
    for message in messages:
        if message["role"] == "tool":
            assert message["tool_call_id"] == waiting.pop(0)
            assert ("name" in message) == profile.names_results
            continue
        assert waiting == []
        calls = message.get("tool_calls", [])
        assert isinstance(calls, list)
        waiting = [str(call["id"]) for call in calls if isinstance(call, dict)]
        assert not waiting or profile.tools_sent_as == "tools"
    assert waiting == []


@given(shape=shapes, profile=profiles)
def test_every_message_with_a_call_has_reasoning_where_the_server_requires_it(
    shape: list[Shape], profile: BackendProfile
) -> None:
    profile = replace(profile, earlier_reasoning="always_reasoning_content")

    for message in encoded(conversation(shape), profile, ""):
        assert "tool_calls" not in message or message["reasoning_content"]
