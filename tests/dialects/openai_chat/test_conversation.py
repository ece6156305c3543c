"""A later turn never changes earlier messages, calls keep their results, and dropped blocks are recorded."""

import json
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.dialects.openai_chat.conversations import (
    CARRIED,
    DROPPED,
    PROFILE,
    Shape,
    assert_extends,
    body_of,
    conversation,
    dropped_from,
    marked,
    messages_of,
    shapes,
)
from tests.parts.chat_request import broken_rules, read_chat_request

from anyclaude.dialects.openai_chat.conversation import encode_conversation
from anyclaude.dialects.openai_chat.dropped_fields import DroppedFields
from anyclaude.profiles import BackendProfile
from anyclaude.protocol.content import ContentBlock, TextBlock, ToolResultBlock, ToolUseBlock
from anyclaude.protocol.json_values import JsonObject, JsonValue
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.tool_schemas import wire_name

READ_THIS: JsonObject = {"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {"z": 1, "a": [2]}}
CALL: JsonObject = {"role": "assistant", "content": [READ_THIS]}
TWO: JsonObject = {"type": "text", "text": "two"}
HELLO: JsonObject = {"role": "user", "content": "hello"}
PROFILES = [
    PROFILE,
    replace(PROFILE, mid_conversation_system="system_message", earlier_reasoning="reasoning_content"),
]


def result(content: JsonValue = None, **fields: JsonValue) -> JsonObject:
    block: dict[str, JsonValue] = {"type": "tool_result", "tool_use_id": "toolu_1", **fields}
    return {"role": "user", "content": [{**block, "content": content} if content is not None else block]}


@pytest.mark.parametrize("profile", PROFILES)
@example(shape=[("assistant", ("thinking",)), ("assistant", ("text",))])
@given(shape=shapes)
def test_a_later_turn_never_changes_the_messages_before_it(profile: object, shape: list[Shape]) -> None:
    assert isinstance(profile, type(PROFILE))
    turns = conversation(shape)
    for length in range(1, len(turns)):
        assert_extends(messages_of(turns[:length], profile), messages_of(turns[: length + 1], profile))


@given(shape=shapes)
def test_the_messages_up_to_an_assistant_turn_are_a_prefix_of_those_of_the_next_turn(
    shape: list[Shape],
) -> None:
    turns = conversation([*shape, ("user", ("text",)), ("assistant", ("text",)), ("user", ("text", "tool_result"))])

    before, after = messages_of(turns[:-2]), messages_of(turns)

    assert after[: len(before)] == before


@given(shape=shapes)
def test_every_block_is_in_the_body_or_recorded_as_dropped(shape: list[Shape]) -> None:
    turns = conversation(shape)
    body = json.dumps(body_of(messages=turns))
    dropped = dropped_from(messages=turns)

    assert [mark for kind, mark in marked(shape) if kind in CARRIED and mark not in body] == []
    assert [
        mark for kind, mark in marked(shape) if kind == "picture_result" and mark.replace("m", "t") not in body
    ] == []
    for kind, name in DROPPED.items():
        assert dropped.get(name, 0) == [each for each, _ in marked(shape)].count(kind)


@given(shape=shapes)
def test_a_strict_server_accepts_any_conversation_that_ends_with_the_user(shape: list[Shape]) -> None:
    turns = conversation([("user", ("text",)), *shape, ("user", ("text",))])
    body = body_of(messages=turns, system="be good")

    assert broken_rules(read_chat_request({}, json.dumps(body).encode())) == ()


@given(shape=shapes)
def test_no_two_user_messages_are_neighbours(shape: list[Shape]) -> None:
    roles = [message["role"] for message in messages_of(conversation(shape), system="be good")]

    assert all(pair != ("user", "user") for pair in pairwise(roles))
    assert roles.count("system") == 1


def test_a_call_and_its_result_are_numbered_and_the_input_keeps_its_order() -> None:
    messages = messages_of([HELLO, CALL, result("done"), CALL, result([{"type": "text", "text": "again"}])])

    call = {"id": "call00001", "type": "function", "function": {"name": "Read", "arguments": '{"z":1,"a":[2]}'}}
    assert messages == [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call00001", "content": "done"},
        {"role": "assistant", "content": None, "tool_calls": [{**call, "id": "call00002"}]},
        {"role": "tool", "tool_call_id": "call00002", "content": "again"},
    ]


def test_results_follow_the_order_of_their_calls_and_precede_the_users_text() -> None:
    two: JsonObject = {"role": "assistant", "content": [READ_THIS, {**READ_THIS, "id": "toolu_2"}]}
    answers: JsonObject = {
        "role": "user",
        "content": [
            {"type": "text", "text": "note"},
            {"type": "tool_result", "tool_use_id": "toolu_2", "content": "second"},
            {"type": "tool_result", "tool_use_id": "toolu_1", "content": "first"},
        ],
    }

    messages = messages_of([HELLO, two, answers])

    assert [message["content"] for message in messages[2:]] == ["first", "second", "note"]


@pytest.mark.parametrize("content", [None, "", []])
def test_a_result_without_content_is_an_empty_text(content: JsonValue) -> None:
    assert messages_of([HELLO, CALL, result(content)])[-1] == {
        "role": "tool", "tool_call_id": "call00001", "content": ""
    }  # fmt: skip


@pytest.mark.parametrize(
    ("content", "text"), [("no such file", "Error: no such file"), (None, "Error: the tool failed and said nothing")]
)
def test_the_result_of_a_failed_tool_is_marked_as_an_error(content: JsonValue, text: str) -> None:
    assert messages_of([HELLO, CALL, result(content, is_error=True)])[-1]["content"] == text


def test_a_result_without_a_call_becomes_user_text() -> None:
    assert messages_of([HELLO, result("lost")])[-1] == {
        "role": "user",
        "content": "hello\n\nResult of an earlier tool call:\nlost",
    }
    assert "messages.tool_result.tool_use_id" in dropped_from(messages=[HELLO, result("lost")])


def test_a_call_without_a_result_gets_a_placeholder() -> None:
    turns = [HELLO, CALL, HELLO]

    assert messages_of(turns)[2:] == [
        {"role": "tool", "tool_call_id": "call00001", "content": "Error: this call was never answered."},
        {"role": "user", "content": "hello"},
    ]
    assert dropped_from(messages=turns)["messages.tool_use.result"] == 1


def test_calls_with_the_same_id_each_get_their_own_result() -> None:
    twins: JsonObject = {"role": "assistant", "content": [READ_THIS, READ_THIS]}
    answers: JsonObject = {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": "toolu_1", "content": "a"},
            {"type": "tool_result", "tool_use_id": "toolu_1", "content": "b"},
        ],
    }

    tools = [message for message in messages_of([HELLO, twins, answers]) if message["role"] == "tool"]

    assert [(tool["tool_call_id"], tool["content"]) for tool in tools] == [("call00001", "a"), ("call00002", "b")]


@pytest.mark.parametrize(("raw", "text"), [(None, "{}"), ("ls", '{"input":"ls"}'), ([1], '{"input":[1]}')])
def test_an_input_that_is_not_an_object_becomes_one(raw: JsonValue, text: str) -> None:
    (_, call) = messages_of([HELLO, {"role": "assistant", "content": [{**READ_THIS, "input": raw}]}])

    assert json.loads(json.dumps(call))["tool_calls"][0]["function"]["arguments"] == text


def test_a_picture_in_a_result_follows_in_the_next_user_message() -> None:
    picture: JsonObject = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}

    messages = messages_of([HELLO, CALL, result([{"type": "text", "text": "shot"}, picture]), HELLO])

    assert messages[2]["content"] == "shot\n\n[image: it follows in the next user message]"
    assert messages[3]["content"] == [
        {"type": "text", "text": "From the result of Read (call00001):"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "text", "text": "hello"},
    ]


def test_instructions_in_mid_conversation_stay_in_their_place_as_a_reminder() -> None:
    turns: list[JsonValue] = [
        HELLO,
        {"role": "system", "content": "Today is Monday."},
        {"role": "assistant", "content": "ok"},
    ]

    assert messages_of(turns, system="be good") == [
        {"role": "system", "content": "be good"},
        {"role": "user", "content": "hello\n\n<system-reminder>\nToday is Monday.\n</system-reminder>"},
        {"role": "assistant", "content": "ok"},
    ]


def test_instructions_that_are_a_reminder_already_are_not_wrapped_again() -> None:
    reminder = "<system-reminder>\nx\n</system-reminder>"

    assert messages_of([HELLO, {"role": "system", "content": reminder}])[-1]["content"] == f"hello\n\n{reminder}"


def test_instructions_stay_a_system_message_if_the_template_accepts_them() -> None:
    profile = replace(PROFILE, mid_conversation_system="system_message")

    assert messages_of([HELLO, {"role": "system", "content": "x"}], profile)[-1] == {"role": "system", "content": "x"}


def test_instructions_before_all_other_turns_are_the_system_prompt() -> None:
    assert messages_of([{"role": "system", "content": "x"}, HELLO])[0] == {"role": "system", "content": "x"}


def test_an_unknown_role_is_sent_as_the_user() -> None:
    turns: list[JsonValue] = [{"role": "x_role", "content": "hey"}]

    assert messages_of(turns) == [{"role": "user", "content": "hey"}]
    assert dropped_from(messages=turns) == {"messages.role.x_role": 1}


def test_a_string_and_one_text_block_are_the_same_message() -> None:
    as_block: JsonObject = {
        "role": "user",
        "content": [{"type": "text", "text": "hello", "cache_control": {"type": "ephemeral"}}],
    }

    assert messages_of([as_block]) == messages_of([HELLO])
    assert dropped_from(messages=[as_block]) == {"cache_control": 1}


@pytest.mark.parametrize("content", ["", [], [{"type": "text", "text": ""}], None])
def test_an_empty_user_turn_is_sent_as_no_content(content: JsonValue) -> None:
    assert messages_of([{"role": "user", "content": content}]) == [{"role": "user", "content": "(no content)"}]


@pytest.mark.parametrize("content", [None, "", " \n\n", [], [{"type": "text", "text": "\t"}]])
def test_an_assistant_turn_of_whitespace_is_omitted(content: JsonValue) -> None:
    turns: list[JsonValue] = [HELLO, {"role": "assistant", "content": content}, HELLO]

    assert messages_of(turns) == [{"role": "user", "content": "hello\n\nhello"}]


def test_an_empty_assistant_turn_is_omitted() -> None:
    reasoning: JsonObject = {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": ""}]}

    assert messages_of([HELLO, reasoning, HELLO]) == [{"role": "user", "content": "hello\n\nhello"}]


def test_earlier_reasoning_is_sent_back_if_the_profile_says_so() -> None:
    turn: JsonObject = {
        "role": "assistant",
        "content": [{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": "ok"}],
    }

    messages = messages_of([HELLO, turn], replace(PROFILE, earlier_reasoning="reasoning_content"))

    assert messages[1:] == [{"role": "assistant", "content": "ok", "reasoning_content": "hm"}]
    assert messages_of([HELLO, turn])[1:] == [{"role": "assistant", "content": "ok"}]


def test_whitespace_is_never_altered() -> None:
    turns: list[JsonValue] = [
        {"role": "user", "content": "  a\r\n\tb \n"},
        {"role": "assistant", "content": "\n\nc  "},
    ]

    assert [message["content"] for message in messages_of(turns, system=" s ")] == [" s ", "  a\r\n\tb \n", "\n\nc  "]


def test_neighbouring_assistant_turns_become_one_message() -> None:
    said: JsonObject = {"role": "assistant", "content": "one"}

    messages = messages_of([HELLO, said, said, {"role": "assistant", "content": [TWO, READ_THIS]}, result("done")])

    assert [message["role"] for message in messages] == ["user", "assistant", "tool"]
    assert messages[1]["content"] == "one\n\none\n\ntwo"
    assert calls_in(messages[1]) == ["call00001"]


def test_of_neighbouring_assistant_turns_only_the_first_has_reasoning() -> None:
    profile = replace(PROFILE, earlier_reasoning="reasoning_content")
    turn: JsonObject = {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": ""}, TWO]}

    (_, message) = messages_of([HELLO, turn, turn], profile)

    assert message == {"role": "assistant", "content": "two\n\ntwo", "reasoning_content": "hm"}
    assert dropped_from(profile, messages=[HELLO, turn, turn]) == {"messages.thinking": 1}


def test_the_user_says_something_before_the_assistant() -> None:
    messages = messages_of([{"role": "assistant", "content": "welcome"}, HELLO], system="be good")

    assert [message["content"] for message in messages] == ["be good", "(no content)", "welcome", "hello"]
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "user"]


def test_a_call_in_a_turn_of_the_user_and_a_result_in_one_of_the_assistant_belong_to_each_other() -> None:
    answered: JsonObject = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "done"}

    by_user = messages_of([{"role": "user", "content": [TWO, READ_THIS, answered]}])
    by_assistant = messages_of([HELLO, {"role": "assistant", "content": [READ_THIS, answered, TWO]}])

    assert [message["role"] for message in by_user] == ["user", "assistant", "tool"]
    assert [message["role"] for message in by_assistant] == ["user", "assistant", "tool", "assistant"]


def test_a_call_and_a_result_without_ids_belong_to_each_other() -> None:
    call: JsonObject = {"type": "tool_use", "input": {}}
    messages = messages_of(
        [HELLO, {"role": "assistant", "content": [call]}, {"role": "user", "content": [{"type": "tool_result"}]}]
    )

    assert calls_in(messages[1]) == ["call00001"]
    assert "unnamed_tool" in json.dumps(messages[1])
    assert messages[2] == {"role": "tool", "tool_call_id": "call00001", "content": ""}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"type": "text", "text": "a"}, "a"),
        (["a", {"type": "text", "text": "b"}, 3, None, True], "a\n\nb\n\n3\n\ntrue"),
        (
            [{"type": "search_result", "title": "T", "source": "u", "content": [{"type": "text", "text": "b"}]}],
            "T\nu\n\nb",
        ),
        ([{"type": "json", "json": {"a": 1}, "cache_control": {}}], '{"type":"json","json":{"a":1}}'),
        ([{"type": "audio", "data": "A" * 9_000}], "[audio omitted: it has no text]"),
        ([{"type": "x_new", "cache_control": {}}], "[x_new omitted: it has no text]"),
        ([{"type": "text"}], "[text omitted: it has no text]"),
        ([{"no": "type"}], '{"type":"block","no":"type"}'),
        (5, "5"),
    ],
)
def test_whatever_a_tool_returns_the_model_reads_it(content: JsonValue, text: str) -> None:
    assert messages_of([HELLO, CALL, result(content)])[2]["content"] == text


def test_a_cache_marker_that_moves_on_changes_no_message() -> None:
    block: JsonObject = {"type": "json", "json": 1}
    marked_block: JsonObject = {**block, "cache_control": {"type": "ephemeral"}}

    assert messages_of([HELLO, CALL, result([block])]) == messages_of([HELLO, CALL, result([marked_block])])


LONG = "mcp__plugin_tracker__" + "x" * 70


def test_a_name_that_the_wire_cannot_carry_is_the_same_in_tools_choice_and_history() -> None:
    call: JsonObject = {"role": "assistant", "content": [{**READ_THIS, "name": LONG}]}
    reference: JsonObject = {"type": "tool_reference", "tool_name": LONG}
    body = json.dumps(
        body_of(
            replace(PROFILE, accepts_named_tool_choice=True),
            messages=[HELLO, call, result([reference])],
            tools=[{"name": LONG, "input_schema": {"type": "object"}}],
            tool_choice={"type": "tool", "name": LONG},
        )
    )

    assert LONG not in body
    assert body.count(wire_name(LONG)) == 4


AS_TEXT = replace(PROFILE, written_calls="as_text")
WRITTEN = "\n\n<tool_call>\n{}\n</tool_call>\n"


def reply_of(*blocks: ContentBlock, profile: BackendProfile = AS_TEXT) -> list[JsonObject]:
    """Return the messages of a conversation in which the assistant said these blocks, and each call has a result."""
    results = tuple(ToolResultBlock(block.id, "done") for block in blocks if isinstance(block, ToolUseBlock))
    turns = (Turn("user", "hello"), Turn("assistant", blocks), Turn("user", results))
    request = MessagesRequest(model="m", max_tokens=1, messages=turns)
    return encode_conversation(request, profile, DroppedFields())


def written_call(number: int = 1, written: str = WRITTEN) -> ToolUseBlock:
    return ToolUseBlock(f"toolu_{number}", "Read", {"a": 1}, raw_arguments='{ "a": 1}', written=written)


def test_a_written_call_goes_back_in_its_place_in_the_text() -> None:
    blocks = (TextBlock("first"), written_call(1), written_call(2, "<2>"), TextBlock("then"), TextBlock("last"))

    (_, message, *results) = reply_of(*blocks)

    assert message == {"role": "assistant", "content": f"first{WRITTEN}<2>then\n\nlast"}
    assert [(each["role"], each["tool_call_id"]) for each in results] == [("tool", "call00001"), ("tool", "call00002")]


def test_a_written_call_is_a_structured_call_if_the_template_does_not_show_its_result() -> None:
    (_, message, answer) = reply_of(TextBlock("first"), written_call(), profile=PROFILE)

    function: JsonObject = {"name": "Read", "arguments": '{ "a": 1}'}
    assert message == {
        "role": "assistant",
        "content": "first",
        "tool_calls": [{"id": "call00001", "type": "function", "function": function}],
    }
    assert answer["role"] == "tool"


def test_written_and_structured_calls_of_one_turn_keep_their_forms() -> None:
    native = ToolUseBlock("toolu_2", "Read", {})

    (_, message, *results) = reply_of(written_call(written="<1>"), native)

    assert message["content"] == "<1>"
    assert calls_in(message) == ["call00002"]
    assert [each["tool_call_id"] for each in results] == ["call00001", "call00002"]


@given(st.lists(st.tuples(st.text(min_size=1, max_size=3), st.text(min_size=1, max_size=3)), min_size=1))
def test_between_a_text_and_a_written_call_nothing_is_added_or_lost(pairs: list[tuple[str, str]]) -> None:
    blocks = [block for text, call in pairs for block in (TextBlock(text), written_call(1, f"<{call}>"))]

    (_, message, *_) = reply_of(*blocks)

    assert message["content"] == "".join(f"{text}<{call}>" for text, call in pairs)


def calls_in(message: JsonObject) -> list[JsonValue]:
    """Return the ids of the calls in a message."""
    calls = message["tool_calls"]
    assert isinstance(calls, list)
    return [call["id"] for call in calls if isinstance(call, dict)]
