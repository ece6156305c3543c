"""Tools, calls, results and formats that are sent in words say the same, and are recognised in the reply."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.dialects.openai_chat.conversations import PROFILE, body_of, dropped_from, messages_of
from tests.parts.json_at import at

from anyclaude.dialects.openai_chat.in_words import call_in_words
from anyclaude.filters import FilterContext, written_replies
from anyclaude.protocol.deltas import Finished, TextDelta, ToolCallDelta
from anyclaude.protocol.json_values import JsonObject, JsonValue
from anyclaude.protocol.messages_request import Tool

WORDS = replace(PROFILE, tools_sent_as="words")
FORCED_IN_WORDS = replace(PROFILE, forces_calls_by="words")
SCHEMA: JsonObject = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
READ: JsonObject = {"name": "Read", "description": "Reads a file.", "input_schema": SCHEMA}
CALL: JsonObject = {
    "role": "assistant",
    "content": [
        {"type": "text", "text": "I look."},
        {"type": "tool_use", "id": "t1", "name": "Read", "input": {"path": "/a"}},
    ],
}
RESULT: JsonObject = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "the file"}]}
HELLO: JsonObject = {"role": "user", "content": "hello"}
TOOL_FIELDS = {"tools", "tool_choice", "parallel_tool_calls"}


def test_tools_in_words_stand_in_the_system_prompt_with_name_description_and_schema() -> None:
    body = body_of(WORDS, system="You write code.", tools=[READ])
    system = str(at(body, "messages", 0, "content"))

    assert not TOOL_FIELDS & set(body)
    assert (
        json.dumps({"name": "Read", "description": "Reads a file.", "parameters": SCHEMA}, separators=(",", ":"))
        in system
    )
    assert system.endswith("You write code.")


def test_tools_in_words_need_no_system_prompt() -> None:
    assert at(body_of(WORDS, tools=[READ]), "messages", 0, "role") == "system"


def test_calls_and_results_in_words_are_texts() -> None:
    assert messages_of([HELLO, CALL, RESULT], WORDS) == [
        {"role": "user", "content": "hello"},
        {
            "role": "assistant",
            "content": 'I look.\n\n<tool_call>\n{"name": "Read", "arguments": {"path":"/a"}}\n</tool_call>',
        },
        {"role": "user", "content": "<tool_response>\nthe file\n</tool_response>"},
    ]


def test_text_beside_a_result_in_words_stands_after_it() -> None:
    beside: JsonObject = {"role": "user", "content": [{"type": "text", "text": "be brief"}, *_blocks(RESULT)]}

    last = messages_of([HELLO, CALL, beside], WORDS)[-1]

    assert last == {"role": "user", "content": "<tool_response>\nthe file\n</tool_response>\n\nbe brief"}


def _blocks(turn: JsonObject) -> list[JsonValue]:
    content = turn["content"]
    assert isinstance(content, list)
    return content


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"type": "any"}, "Call one of the tools now."),
        ({"type": "tool", "name": "Read"}, "Call the tool Read now."),
    ],
)
@pytest.mark.parametrize("profile", [WORDS, FORCED_IN_WORDS])
def test_a_forced_call_in_words_is_the_last_sentence_of_the_prompt(
    profile: object, choice: JsonObject, words: str
) -> None:
    assert isinstance(profile, type(PROFILE))
    body = body_of(profile, tools=[READ], tool_choice=choice)

    assert at(body, "messages", -1, "content") == f"hi\n\n{words}"
    assert "tool_choice" not in body
    assert dropped_from(profile, tools=[READ], tool_choice=choice)["tool_choice"] == 1


def test_a_forced_call_in_words_leaves_the_tools_in_their_field() -> None:
    assert "tools" in body_of(FORCED_IN_WORDS, tools=[READ], tool_choice={"type": "any"})


def test_a_tool_that_is_not_there_is_not_asked_for() -> None:
    body = body_of(FORCED_IN_WORDS, tools=[READ], tool_choice={"type": "tool", "name": "Gone"})

    assert at(body, "messages", -1, "content") == "hi"


def test_a_forbidden_call_is_forbidden_in_words_where_tools_are_sent_so() -> None:
    body = body_of(WORDS, tools=[READ], tool_choice={"type": "none"})

    assert at(body, "messages", -1, "content") == "hi\n\nDo not call a tool now."


def test_a_call_in_words_leaves_the_sentence_before_a_reply_that_has_begun() -> None:
    turns: list[JsonValue] = [HELLO, {"role": "assistant", "content": "Well,"}]
    body = body_of(FORCED_IN_WORDS, messages=turns, tools=[READ], tool_choice={"type": "any"})

    assert at(body, "messages", 0, "content") == "hello\n\nCall one of the tools now."
    assert at(body, "messages", -1) == {"role": "assistant", "content": "Well,"}


names = st.from_regex(r"\A[a-zA-Z_][a-zA-Z0-9_-]{0,20}\Z")
arguments = st.dictionaries(st.text(max_size=5), st.text() | st.integers() | st.booleans(), max_size=3)


@given(name=names, arguments=arguments)
def test_a_call_in_the_form_that_the_model_is_told_is_recognised(name: str, arguments: dict[str, JsonValue]) -> None:
    tool = Tool(name, input_schema={"type": "object"})
    reply = written_replies(FilterContext((tool,), WORDS, "local"))
    assert reply is not None

    text = call_in_words(name, json.dumps(arguments))
    deltas = [*reply.feed([TextDelta(text), Finished("end_turn")]), *reply.finish()]

    calls = [delta for delta in deltas if isinstance(delta, ToolCallDelta)]
    assert {call.name for call in calls} - {""} == {name}
    assert json.loads("".join(call.arguments for call in calls)) == arguments


def test_a_description_that_is_too_long_continues_in_the_system_prompt() -> None:
    profile = replace(PROFILE, max_description_characters=100)
    long = "Reads a file. " * 50
    body = body_of(profile, system="You write code.", tools=[{**READ, "description": long}])

    assert len(str(at(body, "tools", 0, "function", "description"))) == 100
    assert long in str(at(body, "messages", 0, "content"))
    assert at(body_of(profile, tools=[READ]), "tools", 0, "function", "description") == "Reads a file."


@pytest.mark.parametrize(("way", "field"), [("json_object", {"type": "json_object"}), ("words", None)])
def test_a_format_is_asked_for_by_its_schema_in_words_where_the_server_takes_none(way: str, field: JsonValue) -> None:
    profile = replace(PROFILE, reply_format="words" if way == "words" else "json_object")
    body = body_of(profile, output_config={"format": {"type": "json_schema", "schema": SCHEMA}})

    assert body.get("response_format") == field
    assert json.dumps(SCHEMA, separators=(",", ":")) in str(at(body, "messages", -1, "content"))
