"""A schema is loosened until the engine's compiler takes it, and no further."""

import re

import jsonschema
import pytest
from hypothesis import assume, given, settings
from referencing.exceptions import Unresolvable
from tests.parts.engines import ask
from tests.parts.json_at import at
from tests.tool_schemas.schemas import instances, schemas

from anyclaude.engine.embedded import EmbeddedEngine
from anyclaude.protocol.json_values import JsonObject, JsonValue
from anyclaude.tool_schemas.grammar_schema import MAX_ALTERNATIVES, MAX_REPETITIONS, for_grammar, is_simple_pattern

STRING: JsonObject = {"type": "string"}


def with_property(schema: JsonValue) -> JsonObject:
    return {"type": "object", "properties": {"a": schema}, "required": ["a"]}


def loosened(schema: JsonValue) -> JsonValue:
    """Return what becomes of the schema of a property."""
    return at(for_grammar(with_property(schema)), "properties", "a")


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": STRING, "é": {"enum": [1, "é", None, True]}}, "required": ["a"]},
        {
            "$ref": "#/$defs/Node",
            "$defs": {"Node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}},
        },
        {"type": "array", "prefixItems": [STRING], "items": {"type": "number", "minimum": 0, "maximum": 9}},
        {"type": "object", "additionalProperties": {"anyOf": [STRING, {"type": "null"}]}, "if": True, "not": {}},
        {"type": "string", "pattern": "^[a-z]+(-[0-9]{1,3})*$", "minLength": 1, "maxLength": 64, "format": "uri"},
        {},
    ],
)
def test_what_the_compiler_takes_stays_the_same_object(schema: JsonObject) -> None:
    assert for_grammar(schema) is schema


@pytest.mark.parametrize(
    ("refused", "instead"),
    [
        (True, {}),
        (None, {}),
        ({"type": "any", "description": "Text."}, {"description": "Text."}),
        ({"type": []}, {}),
        ({"enum": []}, {}),
        ({"anyOf": [], "type": "string"}, STRING),
        ({"anyOf": [True, STRING]}, {"anyOf": [{}, STRING]}),
        ({"type": "string", "maxLength": 10.0}, {"type": "string", "maxLength": 10}),
        ({"type": "string", "maxLength": -1}, STRING),
        ({"type": "string", "minLength": 5, "maxLength": 2}, {"type": "string", "maxLength": 2}),
        ({"type": "string", "minLength": 10**6}, {"type": "string", "minLength": MAX_REPETITIONS}),
        ({"type": "array", "maxItems": 10**5}, {"type": "array"}),
        ({"enum": list(range(MAX_ALTERNATIVES + 1)), "type": "integer"}, {"type": "integer"}),
        ({"type": "string", "pattern": "\\d"}, STRING),
        ({"$ref": "#"}, {}),
        ({"$ref": "#/$defs/missing"}, {}),
        ({"$ref": "https://example.com/schema.json"}, {}),
        ({"type": "object", "properties": None, "additionalProperties": False}, {"type": "object"}),
        ({"oneOf": [True], "not": {}, "if": {}, "then": {}}, {"anyOf": [{}]}),
    ],
)
def test_only_what_the_compiler_refuses_is_loosened(refused: JsonValue, instead: JsonValue) -> None:
    assert loosened(refused) == instead


def test_references_in_a_circle_are_dropped_and_others_stay() -> None:
    schema: JsonObject = {
        "properties": {"a": {"$ref": "#/$defs/A"}, "tree": {"$ref": "#/$defs/Tree"}},
        "$defs": {
            "A": {"anyOf": [{"$ref": "#/$defs/B"}, STRING]},
            "B": {"$ref": "#/$defs/A"},
            "Tree": {"type": "array", "items": {"$ref": "#/$defs/Tree"}},
        },
    }

    assert for_grammar(schema)["$defs"] == {"A": {"anyOf": [{}, STRING]}, "B": {}, "Tree": schema["$defs"]["Tree"]}  # type: ignore[index, call-overload]


def test_too_many_optional_properties_are_dropped_together() -> None:
    properties: JsonObject = {f"p{number}": STRING for number in range(MAX_ALTERNATIVES + 1)}
    wide: JsonObject = {"type": "object", "properties": properties, "additionalProperties": False}

    assert for_grammar(wide) == {"type": "object"}
    assert for_grammar({**wide, "required": [*properties]})["properties"] == properties


def test_references_follow_a_schema_to_its_place() -> None:
    schema: JsonObject = {"properties": {"a": {"$ref": "#/$defs/A"}, "$ref": STRING}, "$defs": {"A": STRING}}

    moved = for_grammar(schema, "#/anyOf/1")

    assert moved == {**schema, "properties": {"a": {"$ref": "#/anyOf/1/$defs/A"}, "$ref": STRING}}


@pytest.mark.parametrize(
    "pattern", ["^a$", "^$", "^[a-z0-9_-]+$", "^(foo|bar){2,3}$", "^a\\.b\\/c$", "^(?:x)?.*$", "^[^,]*$"]
)
def test_simple_patterns_are_known(pattern: str) -> None:
    assert is_simple_pattern(pattern)


@pytest.mark.parametrize(
    "pattern",
    ["a", "^a", "^a$|^b$", "^a|b$", "^\\d$", "^(?=a)$", "^(a$", "^[a$", "^[z-a]$", "^a{3,1}$", "^a**$", "^*$", "^é$"],
)
def test_other_patterns_are_not_simple(pattern: str) -> None:
    assert not is_simple_pattern(pattern)


@given(schemas())
def test_loosening_is_stable(schema: JsonObject) -> None:
    once = for_grammar(schema)

    assert for_grammar(schema) == once
    assert for_grammar(once) == once


@settings(max_examples=200)
@given(schemas(), instances)
def test_what_was_valid_stays_valid(schema: JsonObject, instance: JsonValue) -> None:
    try:
        was_valid = jsonschema.Draft202012Validator(schema).is_valid(instance)
    except (
        re.error,
        jsonschema.exceptions.UnknownType,
        Unresolvable,
        RecursionError,
        TypeError,
        ValueError,
        AttributeError,
    ):
        assume(False)  # the schema is none
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # how rpds, which jsonschema uses, reports a deep recursion
            raise
        assume(False)
    assume(was_valid)

    assert jsonschema.Draft202012Validator(for_grammar(schema)).is_valid(instance)


@settings(max_examples=100)
@given(schema=schemas())
async def test_the_engine_compiles_every_loosened_schema(tiny_engine: EmbeddedEngine, schema: JsonObject) -> None:
    parameters = for_grammar({"type": "object", "properties": {}, **with_property(schema), "$defs": schema["$defs"]})
    tool = {"type": "function", "function": {"name": "call", "parameters": parameters}}
    reply = {"type": "json_schema", "json_schema": {"name": "reply", "schema": for_grammar(schema)}}
    body: dict[str, object] = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}

    await ask(tiny_engine, "/v1/chat/completions", {**body, "response_format": reply})
    await ask(tiny_engine, "/v1/chat/completions", {**body, "tools": [tool]})
