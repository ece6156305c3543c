"""The schema of a call takes the calls of the given tools, and no others."""

import jsonschema
import pytest
from tests.parts.json_at import at

from anyclaude.protocol.json_values import JsonObject, JsonValue
from anyclaude.protocol.messages_request import Tool
from anyclaude.tool_schemas.call_schema import MAX_OPTIONAL_CHARACTERS, call_schema, with_properties

READ = Tool(
    "Read", "", {"type": "object", "properties": {"path": {"$ref": "#/$defs/P"}}, "$defs": {"P": {"type": "string"}}}
)
REGIONS = Tool("regions", "", {"type": "object"})


def takes(tools: list[Tool], call: JsonValue) -> bool:
    return jsonschema.Draft202012Validator(call_schema(tools)).is_valid(call)


@pytest.mark.parametrize("tools", [[READ], [READ, REGIONS], [REGIONS, READ]])
def test_calls_of_the_tools_fit_and_their_references_are_followed(tools: list[Tool]) -> None:
    assert takes(tools, {"name": "Read", "arguments": {"path": "/a"}})
    assert not takes(tools, {"name": "Read", "arguments": {"path": 1}})
    assert not takes(tools, {"name": "Write", "arguments": {}})
    assert not takes(tools, {"name": "Read"})
    assert takes(tools, {"name": "regions", "arguments": {}}) == (REGIONS in tools)


@pytest.mark.parametrize(
    ("schema", "whole"),
    [
        ({}, {"type": "object", "properties": {}}),
        ({"type": "object", "properties": None}, {"type": "object", "properties": {}}),
        ({"$ref": "#/$defs/A", "$defs": {}}, {"$ref": "#/$defs/A", "$defs": {}, "type": "object", "properties": {}}),
    ],
)
def test_arguments_always_have_a_type_and_properties(schema: JsonObject, whole: JsonObject) -> None:
    assert with_properties(schema) == whole
    assert with_properties(whole) is whole


def test_optional_arguments_are_limited_and_required_ones_are_not() -> None:
    parts: JsonObject = {
        name: {"type": kind}
        for name, kind in (("content", "string"), ("note", "string"), ("tags", "array"), ("limit", "integer"))
    }
    parts = {**parts, "kind": {"type": "string", "maxLength": 9_999}}
    tool = Tool("Write", "", {"type": "object", "properties": parts, "required": ["content"]})

    assert takes([tool], {"name": "Write", "arguments": {"content": "x" * 100_000, "kind": "x" * 9_000, "limit": 1}})
    assert takes([tool], {"name": "Write", "arguments": {"content": "", "note": "x" * MAX_OPTIONAL_CHARACTERS}})
    assert not takes([tool], {"name": "Write", "arguments": {"content": "", "note": "x" * 9_000}})
    assert not takes([tool], {"name": "Write", "arguments": {"content": "", "tags": ["x"] * 9_000}})


def test_against_repetition_optional_objects_of_any_shape_are_left_out() -> None:
    schema: JsonObject = {
        "type": "object",
        "properties": {
            "title": {"type": "string"},
            "data": {"type": "object"},
            "metadata": {"type": "object", "additionalProperties": {}},
            "owner": {"type": "object", "properties": {"name": {"type": "string"}}},
        },
        "required": ["title", "data"],
    }

    def names(avoids_repetition: bool) -> list[str]:
        call = call_schema([Tool("Create", "", schema)], avoids_repetition=avoids_repetition)
        properties = at(call, "properties", "arguments", "properties")
        assert isinstance(properties, dict)
        return list(properties)

    assert names(avoids_repetition=False) == ["title", "data", "metadata", "owner"]
    assert names(avoids_repetition=True) == ["title", "data", "owner"]
