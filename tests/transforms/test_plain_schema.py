"""A schema without annotations accepts the same values as before."""

import json
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.protocol.json_values import JsonObject, JsonValue
from anyclaude.transforms.plain_schema import DEFAULT_DIALECT, plain_schema

NAMES = st.sampled_from(["a", "title", "description", "examples", "$schema"])
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from(["", "a", "title"]))
INSTANCES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(NAMES, inner, max_size=2)),
    max_leaves=4,
)

ANNOTATED = {
    "title": st.just("A title"),
    "description": st.sampled_from(["One. Two.", "Words " * 40]),
    "examples": st.lists(SCALARS, max_size=2),
    "$comment": st.just("why"),
    "default": SCALARS,
}
ASSERTING = {
    "type": st.sampled_from(["object", "array", "string", "integer", "boolean", "null"]),
    "enum": st.lists(INSTANCES, min_size=1, max_size=3),
    "const": INSTANCES,
    "required": st.lists(NAMES, max_size=2, unique=True),
    "minimum": st.integers(-2, 2),
    "maxItems": st.integers(0, 2),
    "minLength": st.integers(0, 2),
}


def of_keywords(keywords: Mapping[str, st.SearchStrategy[JsonValue]]) -> st.SearchStrategy[dict[str, JsonValue]]:
    pairs = st.one_of([st.tuples(st.just(name), values) for name, values in keywords.items()])
    return st.lists(pairs, max_size=4).map(dict)


def nesting(inner: st.SearchStrategy[JsonValue]) -> st.SearchStrategy[dict[str, JsonValue]]:
    schemas = dict.fromkeys(("properties", "$defs", "dependentSchemas"), st.dictionaries(NAMES, inner, max_size=2))
    lists = dict.fromkeys(("anyOf", "allOf", "oneOf", "prefixItems"), st.lists(inner, min_size=1, max_size=2))
    one = dict.fromkeys(("items", "additionalProperties", "not", "if", "then", "else", "contains"), inner)
    closed = {"unevaluatedProperties": st.just(False)}
    return of_keywords({**ANNOTATED, **ASSERTING, **schemas, **lists, **one, **closed})


SCHEMAS = st.recursive(st.one_of(st.booleans(), of_keywords(ANNOTATED | ASSERTING)), nesting, max_leaves=4)
OBJECT_SCHEMAS = nesting(SCHEMAS)


def accepts(schema: JsonValue) -> Callable[[JsonValue], bool]:
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    checked: Callable[[JsonValue], bool] = validator(schema).is_valid
    return checked


@given(OBJECT_SCHEMAS, st.lists(INSTANCES, min_size=1, max_size=6), st.booleans())
def test_an_instance_is_valid_afterwards_if_and_only_if_it_was_before(
    schema: dict[str, JsonValue], instances: list[JsonValue], declared: bool
) -> None:
    if declared:
        schema = {"$schema": DEFAULT_DIALECT, **schema}
    plain = plain_schema(schema, 20)

    assert [accepts(plain)(instance) for instance in instances] == [accepts(schema)(it) for it in instances]


@given(OBJECT_SCHEMAS)
def test_it_is_idempotent_and_never_longer(schema: JsonObject) -> None:
    once = plain_schema(schema, 20)

    assert plain_schema(once, 20) == once
    assert len(json.dumps(once)) <= len(json.dumps(schema))


def test_a_property_with_the_name_of_an_annotation_stays() -> None:
    schema: JsonObject = {"properties": {"title": {"type": "string", "title": "Title"}}, "required": ["title"]}

    assert plain_schema(schema, 99) == {"properties": {"title": {"type": "string"}}, "required": ["title"]}


def test_values_are_not_treated_as_schemas() -> None:
    schema: JsonObject = {"enum": [{"title": 1}], "const": {"examples": 2}, "default": {"$comment": "x"}}

    assert plain_schema(schema, 99) == schema


def test_a_schema_with_a_reference_into_an_annotation_is_not_changed() -> None:
    schema: JsonObject = {"properties": {"a": {"$ref": "#/examples/0"}}, "examples": [{"type": "string"}]}

    assert plain_schema(schema, 99) is schema


def test_the_declaration_of_an_older_draft_stays() -> None:
    schema: JsonObject = {"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "string"}]}

    assert plain_schema(schema, 99) == schema


def test_a_long_description_keeps_its_first_sentence() -> None:
    schema: JsonObject = {"properties": {"a": {"description": "What to run. For example this, or that."}}}

    assert plain_schema(schema, 20) == {"properties": {"a": {"description": "What to run."}}}


def test_the_bounds_of_every_integer_of_the_client_are_left_out_and_other_bounds_stay() -> None:
    largest = 9_007_199_254_740_991
    line: JsonObject = {"type": "integer", "minimum": -largest, "maximum": largest}
    few: JsonObject = {"type": "integer", "minimum": 1, "maximum": 20}

    plain = plain_schema({"type": "object", "properties": {"line": line, "few": few, "maximum": few}}, 100)

    assert plain["properties"] == {"line": {"type": "integer"}, "few": few, "maximum": few}
