"""A reply in JSON is requested by its schema, which the engine enforces."""

import pytest
from tests.dialects.openai_chat.conversations import PROFILE, asked, body_of, dropped_from
from tests.parts.json_at import at

from anyclaude.dialects.openai_chat import OpenAiChat
from anyclaude.profiles import BackendProfile, profile_named
from anyclaude.protocol.json_values import JsonObject, JsonValue

SCHEMA: JsonObject = {"type": "object", "properties": {"title": {"type": "string"}}}
FORMAT: JsonObject = {"type": "json_schema", "schema": SCHEMA}
READ: JsonObject = {"name": "Read", "input_schema": {"type": "object", "properties": {}}}
LLAMACPP = profile_named("llamacpp")


def enforced(**fields: JsonValue) -> str:
    return OpenAiChat().encode_request(asked(**fields), "local", PROFILE).enforced


@pytest.mark.parametrize("fields", [{"output_config": {"format": FORMAT}}, {"output_format": FORMAT}])
@pytest.mark.parametrize("tools", [[], [READ]], ids=["without tools", "with tools"])
def test_a_json_reply_is_requested_by_its_schema(fields: dict[str, JsonValue], tools: list[JsonValue]) -> None:
    body = body_of(tools=tools, **fields)

    assert body["response_format"] == {"type": "json_schema", "json_schema": {"name": "reply", "schema": SCHEMA}}
    assert ("tools" in body) == bool(tools)
    assert enforced(tools=tools, **fields) == "format"
    assert dropped_from(tools=tools, **fields) == {}


def test_of_both_fields_the_newer_counts() -> None:
    other: JsonObject = {"type": "json_schema", "schema": {"type": "array"}}

    body = body_of(output_config={"format": FORMAT}, output_format=other)

    assert at(body, "response_format", "json_schema", "schema") == SCHEMA


@pytest.mark.parametrize(
    ("fields", "dropped"),
    [
        ({"output_config": {"format": {"type": "x_new"}}}, "output_config.format"),
        ({"output_format": {"type": "json_schema"}}, "output_format"),
        ({"output_format": "json"}, "output_format"),
    ],
)
def test_a_format_that_cannot_be_sent_is_recorded_as_dropped(fields: dict[str, JsonValue], dropped: str) -> None:
    assert dropped_from(**fields) == {dropped: 1}
    assert "response_format" not in body_of(**fields)
    assert enforced(**fields) == "any"


@pytest.mark.parametrize("profile", [PROFILE, LLAMACPP], ids=lambda profile: profile.name)
def test_a_forced_call_takes_the_place_of_the_format(profile: BackendProfile) -> None:
    fields: dict[str, JsonValue] = {
        "output_config": {"format": FORMAT},
        "tools": [READ],
        "tool_choice": {"type": "any"},
    }

    response_format = body_of(profile, **fields).get("response_format")
    assert response_format is None or at(response_format, "json_schema", "name") == "call"
    assert dropped_from(profile, **fields) == {"output_config.format": 1}


def test_a_schema_is_loosened_for_a_server_whose_compiler_refuses_it() -> None:
    refused: JsonObject = {"type": "object", "properties": {"a": {"$ref": "other.json"}}}

    def sent(profile: BackendProfile) -> JsonValue:
        body = body_of(profile, output_config={"format": {"type": "json_schema", "schema": refused}})
        return at(body, "response_format", "json_schema", "schema")

    assert sent(LLAMACPP) == {"type": "object", "properties": {"a": {}}}
    assert sent(PROFILE) == refused
