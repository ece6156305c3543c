"""A schema for the strictest server has only the keywords that all know, and keeps what the tool takes."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from tests.parts.json_at import at
from tests.tool_schemas.schemas import schemas

from anyclaude.protocol.json_values import JsonObject, JsonValue, encode_json
from anyclaude.tool_schemas import portable_schema
from anyclaude.tool_schemas.portable_schema import MAX_SCHEMAS, TYPES

STRING: JsonObject = {"type": "string"}
KEYWORDS = {"type", "description", "enum", "properties", "required", "items"}


def parts_of(schema: JsonValue) -> Iterator[JsonObject]:
    """Yield a schema and all schemas in it."""
    assert isinstance(schema, dict)
    yield schema
    properties = schema.get("properties", {})
    assert isinstance(properties, dict)
    for part in (*properties.values(), *([schema["items"]] if "items" in schema else [])):
        yield from parts_of(part)


def reduced(schema: JsonValue, **beside: JsonValue) -> JsonValue:
    """Return what becomes of the schema of a property."""
    return at(portable_schema({"type": "object", "properties": {"a": schema}, **beside}), "properties", "a")


@given(schemas())
def test_only_the_common_keywords_are_left_and_each_part_has_one_type(schema: JsonObject) -> None:
    for part in parts_of(portable_schema(schema)):
        assert set(part) <= KEYWORDS
        assert part["type"] in TYPES
        assert ("properties" in part) == (part["type"] == "object")
        assert ("items" in part) == (part["type"] == "array")
        assert all(isinstance(value, str) for value in _list(part.get("enum", [])))
        assert all(name in str(part["properties"]) for name in map(str, _list(part.get("required", []))))


@given(schemas())
def test_the_parameters_are_an_object_that_stays_as_it_is_when_it_is_reduced_again(schema: JsonObject) -> None:
    once = portable_schema(schema)

    assert once["type"] == "object"
    assert encode_json(portable_schema(once)) == encode_json(once)


def _list(value: JsonValue) -> list[JsonValue]:
    assert isinstance(value, list)
    return value


@pytest.mark.parametrize(
    ("schema", "portable"),
    [
        ({"type": ["string", "null"], "format": "uri", "pattern": "^a", "default": "x"}, STRING),
        ({"anyOf": [{"type": "null"}, STRING], "description": "A path."}, {**STRING, "description": "A path."}),
        ({"const": "edit"}, {**STRING, "enum": ["edit"]}),
        ({"enum": [1, 2]}, {"type": "number", "description": "One of: 1, 2"}),
        ({"type": "array"}, {"type": "array", "items": STRING}),
        ({"type": "array", "prefixItems": [{"type": "integer"}]}, {"type": "array", "items": {"type": "integer"}}),
        ({"type": "object", "additionalProperties": STRING}, {"type": "object", "properties": {}}),
        (
            {"$ref": "#/nowhere", "description": "A node."},
            {"type": "object", "properties": {}, "description": "A node."},
        ),
        (True, STRING),
        (
            {"oneOf": [STRING, {"type": "object", "properties": {"b": STRING}}], "description": "A filter."},
            {"type": "object", "properties": {"b": STRING}, "description": 'A filter. Or: {"type":"string"}'},
        ),
        (
            {"allOf": [{"properties": {"b": STRING}, "required": ["b"]}, {"properties": {"c": STRING}}]},
            {"type": "object", "properties": {"b": STRING, "c": STRING}, "required": ["b"]},
        ),
        ({"anyOf": [{"anyOf": [{"type": "null"}, {"type": "integer"}]}]}, {"type": "integer"}),
    ],
)
def test_a_part_is_said_in_the_common_keywords(schema: JsonValue, portable: JsonValue) -> None:
    assert reduced(schema) == portable


def test_references_are_replaced_by_what_they_name_and_end_in_any_object_if_they_are_circular() -> None:
    node: JsonObject = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}, "name": STRING}}
    any_object: JsonObject = {"type": "object", "properties": {}}

    part = reduced({"$ref": "#/$defs/Node", "description": "The first."}, **{"$defs": {"Node": node}})

    assert part == {
        "type": "object",
        "description": "The first.",
        "properties": {"next": any_object, "name": STRING},
    }


def test_references_that_multiply_end_at_a_bound() -> None:
    twice: dict[str, JsonValue] = {
        f"N{depth}": {"properties": {name: {"$ref": f"#/$defs/N{depth + 1}"} for name in "ab"}} for depth in range(40)
    }

    portable = portable_schema({"type": "object", "properties": {"a": {"$ref": "#/$defs/N0"}}, "$defs": twice})

    assert sum(1 for _ in parts_of(portable)) <= 2 * MAX_SCHEMAS
