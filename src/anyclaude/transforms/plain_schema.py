"""
JSON Schemas without annotations and without bounds that are none, which accept the same values as before.

Only keywords are removed, and only from schemas: a property that is named `title`, and a value of `enum`, `const` or
`default`, are not keywords.  The keywords that hold schemas are those of JSON Schema 2020-12 and draft-07.
"""

from collections.abc import Mapping, Sequence

from anyclaude.protocol.json_values import JsonObject, JsonValue

from .text_units import first_sentences

ANNOTATIONS = frozenset({"$comment", "examples", "title"})

SCHEMAS = frozenset(
    {
        "additionalItems",
        "additionalProperties",
        "contains",
        "else",
        "if",
        "items",
        "not",
        "propertyNames",
        "then",
        "unevaluatedItems",
        "unevaluatedProperties",
    }
)
LISTS_OF_SCHEMAS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
MAPS_OF_SCHEMAS = frozenset({"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"})

LARGEST_INTEGER = 2**53 - 1
"""JavaScript's `Number.MAX_SAFE_INTEGER`: Claude Code names it as the bound of every integer that has none, and
tokenizers that split digits spend twenty tokens on it."""
NO_BOUNDS = frozenset({("maximum", LARGEST_INTEGER), ("minimum", -LARGEST_INTEGER)})

DEFAULT_DIALECT = "https://json-schema.org/draft/2020-12/schema"
"""The dialect that a validator assumes without a `$schema`; any other may change the meaning of the keywords."""


def plain_schema(schema: JsonObject, description_limit: int) -> JsonObject:
    """Return the schema without annotations, its descriptions shortened to `description_limit` or one sentence."""
    if _refers_to_annotations(schema):
        return schema
    plain = _plain(schema, description_limit)
    assert isinstance(plain, dict)
    if str(plain.get("$schema", "")).rstrip("#") == DEFAULT_DIALECT:
        del plain["$schema"]
    return plain


def _plain(schema: JsonValue, limit: int) -> JsonValue:
    """Return a schema without annotations; a boolean is a schema too, and is returned unchanged."""
    if not isinstance(schema, Mapping):
        return schema
    return {name: _keyword(name, value, limit) for name, value in schema.items() if not _is_dispensable(name, value)}


def _is_dispensable(name: str, value: JsonValue) -> bool:
    """Return whether a keyword asserts nothing, or a bound beyond which the client's numbers are not exact."""
    return name in ANNOTATIONS or (isinstance(value, int) and (name, value) in NO_BOUNDS)


def _keyword(name: str, value: JsonValue, limit: int) -> JsonValue:
    if name == "description" and isinstance(value, str):
        return first_sentences(value, limit)
    if name in MAPS_OF_SCHEMAS and isinstance(value, Mapping):
        return {key: _plain(schema, limit) for key, schema in value.items()}
    if name in LISTS_OF_SCHEMAS | SCHEMAS and isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(schema, limit) for schema in value]
    return _plain(value, limit) if name in SCHEMAS else value


def _refers_to_annotations(value: JsonValue) -> bool:
    """Return whether a reference leads through a keyword that would be removed."""
    if isinstance(value, Mapping):
        reference = value.get("$ref")
        if isinstance(reference, str) and ANNOTATIONS.intersection(reference.split("/")):
            return True
        return any(_refers_to_annotations(item) for item in value.values())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return any(_refers_to_annotations(item) for item in value)
    return False
