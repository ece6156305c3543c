"""A request offers the client's tools, in the client's order, and no others."""

import re

import pytest
from msgspec.structs import replace
from tests.dialects.openai_chat.conversations import PROFILE, asked, body_of, dropped_from
from tests.parts.json_at import at

from anyclaude.dialects.openai_chat import OpenAiChat
from anyclaude.profiles import PROFILES, BackendProfile, profile_named
from anyclaude.protocol.deltas import ToolCallDelta
from anyclaude.protocol.json_values import JsonObject, JsonValue, encode_json
from anyclaude.protocol.messages_request import Tool
from anyclaude.tool_schemas import call_schema, wire_name

SCHEMA: JsonObject = {"type": "object", "properties": {"z": {"type": "string"}, "a": {"type": "string"}}}
WRITE: JsonObject = {"name": "Write", "description": "Writes.", "input_schema": SCHEMA}
READ: JsonObject = {"name": "Read", "input_schema": SCHEMA}
SEARCH: JsonObject = {"type": "web_search_20250305", "name": "web_search", "max_uses": 8}
ENCODED_WRITE = {"type": "function", "function": {"name": "Write", "description": "Writes.", "parameters": SCHEMA}}
ENCODED_READ = {"type": "function", "function": {"name": "Read", "parameters": SCHEMA}}
STRICT = replace(PROFILE, accepts_named_tool_choice=True, accepts_parallel_tool_calls=True)
LLAMACPP = profile_named("llamacpp")
LENIENT = replace(PROFILE, accepts_named_tool_choice=False, accepts_parallel_tool_calls=False)


def test_tools_keep_their_order_and_schemas() -> None:
    assert body_of(tools=[WRITE, READ])["tools"] == [ENCODED_WRITE, ENCODED_READ]
    assert "tool_choice" not in body_of(tools=[WRITE, READ])


def test_a_tool_that_runs_at_anthropic_is_dropped_and_recorded() -> None:
    assert body_of(tools=[SEARCH, READ])["tools"] == [ENCODED_READ]
    assert dropped_from(tools=[SEARCH, READ]) == {"tools.web_search_20250305": 1}


def test_a_request_whose_tools_are_all_dropped_offers_none_and_chooses_none() -> None:
    body = body_of(tools=[SEARCH], tool_choice={"type": "any"})

    assert not {"tools", "tool_choice", "parallel_tool_calls"} & set(body)
    assert "tool_choice" in dropped_from(tools=[SEARCH], tool_choice={"type": "any"})


def test_the_placeholder_of_deferred_tools_is_dropped_and_a_deferred_tool_is_offered() -> None:
    tools: list[JsonValue] = [{**READ, "name": "DeferredToolPlaceholder"}, {**READ, "defer_loading": True}]

    assert body_of(tools=tools)["tools"] == [ENCODED_READ]
    assert dropped_from(tools=tools) == {"tools.DeferredToolPlaceholder": 1, "tools.defer_loading": 1}


@pytest.mark.parametrize(("kind", "value"), [("auto", "auto"), ("any", "required"), ("none", "none")])
def test_a_tool_choice_is_translated_and_keeps_the_tools(kind: str, value: str) -> None:
    body = body_of(tools=[WRITE, READ], tool_choice={"type": kind})

    assert body["tool_choice"] == value
    assert body["tools"] == [ENCODED_WRITE, ENCODED_READ]


def test_a_named_tool_choice_is_an_object_if_the_server_accepts_one() -> None:
    body = body_of(STRICT, tools=[WRITE, READ], tool_choice={"type": "tool", "name": "Read"})

    assert body["tool_choice"] == {"type": "function", "function": {"name": "Read"}}
    assert body["tools"] == [ENCODED_WRITE, ENCODED_READ]


def test_a_named_tool_is_offered_alone_if_the_server_does_not_accept_the_object() -> None:
    body = body_of(LENIENT, tools=[WRITE, READ], tool_choice={"type": "tool", "name": "Read"})

    assert body["tool_choice"] == "required"
    assert body["tools"] == [ENCODED_READ]


@pytest.mark.parametrize("profile", [STRICT, LENIENT])
def test_a_named_tool_that_is_not_offered_leaves_the_choice_to_the_model(profile: object) -> None:
    assert isinstance(profile, type(PROFILE))
    choice: JsonObject = {"type": "tool", "name": "web_search"}

    assert body_of(profile, tools=[SEARCH, READ], tool_choice=choice)["tool_choice"] == "auto"
    assert "tool_choice.name" in dropped_from(profile, tools=[SEARCH, READ], tool_choice=choice)


def test_parallel_calls_are_disabled_if_the_server_has_the_field() -> None:
    choice: JsonObject = {"type": "auto", "disable_parallel_tool_use": True}

    assert body_of(STRICT, tools=[READ], tool_choice=choice)["parallel_tool_calls"] is False
    assert "parallel_tool_calls" not in body_of(LENIENT, tools=[READ], tool_choice=choice)
    assert dropped_from(LENIENT, tools=[READ], tool_choice=choice) == {"tool_choice.disable_parallel_tool_use": 1}


@pytest.mark.parametrize("name", ["llamacpp", "embedded", "lmstudio", "ollama"])
def test_a_call_is_forced_by_its_schema_if_the_server_enforces_nothing_else(name: str) -> None:
    profile = profile_named(name)

    body = body_of(profile, tools=[WRITE, READ], tool_choice={"type": "any", "disable_parallel_tool_use": True})

    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "call", "schema": call_schema([Tool("Write", "", SCHEMA), Tool("Read", "", SCHEMA)])},
    }
    assert body["tools"] == [ENCODED_WRITE, ENCODED_READ]
    assert not {"tool_choice", "parallel_tool_calls"} & set(body)


def test_a_named_tool_is_forced_by_its_schema_and_all_tools_stay_in_the_prompt() -> None:
    body = body_of(LLAMACPP, tools=[WRITE, READ], tool_choice={"type": "tool", "name": "Read"})

    assert at(body, "response_format", "json_schema", "schema") == call_schema([Tool("Read", "", SCHEMA)])
    assert body["tools"] == [ENCODED_WRITE, ENCODED_READ]


def test_a_reply_whose_call_was_forced_by_a_schema_is_known_to_be_one() -> None:
    def enforced(profile: BackendProfile, kind: str) -> str:
        request = asked(tools=[READ], tool_choice={"type": kind, "name": "Read"})
        return OpenAiChat().encode_request(request, "local", profile).enforced

    assert [enforced(LLAMACPP, kind) for kind in ("auto", "any", "tool", "none")] == ["any", "call", "call", "any"]
    assert enforced(STRICT, "any") == "any"


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_a_tool_without_parameters_has_an_empty_object_of_them(profile: BackendProfile) -> None:
    body = body_of(profile, tools=[{"name": "regions", "input_schema": {"type": "object"}}])

    assert at(body, "tools", 0, "function", "parameters") == {"type": "object", "properties": {}}


def test_a_schema_is_loosened_only_for_a_server_that_compiles_it() -> None:
    refused: JsonObject = {"type": "object", "properties": {"a": True}}
    tools: list[JsonValue] = [{"name": "a", "input_schema": refused}]

    def parameters(profile: BackendProfile) -> JsonValue:
        return at(body_of(profile, tools=tools), "tools", 0, "function", "parameters")

    assert parameters(LLAMACPP) == {"type": "object", "properties": {"a": {}}}
    assert parameters(PROFILE) == refused


def test_the_tools_of_one_request_never_leak_into_another() -> None:
    with_tools = body_of(tools=[READ])
    without = body_of()

    assert "tools" in with_tools
    assert "tools" not in without


MCP: JsonObject = {
    "name": "mcp__files-of-the-whole-team__read.one",
    "input_schema": {"type": "object", "properties": {"a": {"type": ["string", "null"], "format": "uri"}}},
}


def test_names_and_schemas_are_plain_where_the_server_takes_no_others() -> None:
    profile = replace(PROFILE, tool_names="plain", plain_tool_schemas=True)
    body = body_of(profile, tools=[MCP], tool_choice={"type": "tool", "name": MCP["name"]})
    name = str(at(body, "tools", 0, "function", "name"))

    assert re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]{0,31}", name)
    assert at(body, "tool_choice", "function", "name") == name
    assert at(body, "tools", 0, "function", "parameters", "properties") == {"a": {"type": "string"}}


def test_a_call_under_a_plain_name_comes_back_under_the_tools_own() -> None:
    tools = asked(tools=[MCP]).tools
    name = wire_name(str(MCP["name"]), "plain")
    decoder = OpenAiChat().decoder("text/event-stream", tools)
    call: JsonObject = {"index": 0, "id": "c", "function": {"name": name, "arguments": "{}"}}
    chunk: JsonObject = {"choices": [{"delta": {"tool_calls": [call]}}]}

    deltas = decoder.feed(b"data: " + encode_json(chunk) + b"\n\n")

    assert [delta.name for delta in deltas if isinstance(delta, ToolCallDelta)] == [MCP["name"]]


@pytest.mark.parametrize("choice", [{}, {"tool_choice": {"type": "auto"}}, {"tool_choice": {"type": "none"}}])
def test_the_choice_left_to_the_model_is_none_where_the_server_has_no_parser_for_calls(
    choice: dict[str, JsonValue],
) -> None:
    body = body_of(replace(PROFILE, auto_tool_choice="none"), tools=[WRITE], **choice)

    assert body["tool_choice"] == "none"
    assert body["tools"] == [ENCODED_WRITE]
