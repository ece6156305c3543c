"""The schema of a tool call as one JSON object, for engines that are made to call a tool by a schema."""

from collections.abc import Sequence

from anyclaude.protocol.json_values import JsonObject, JsonValue
from anyclaude.protocol.messages_request import Tool

from .grammar_schema import for_grammar

MAX_OPTIONAL_CHARACTERS = 500
MAX_OPTIONAL_ITEMS = 16
"""The limits of optional arguments without limits of their own: small models fill such arguments without end, with text
copied from the tool's description or the same domain again and again (Qwen2.5-Coder-0.5B, SmolLM2-135M; `uv run python
-m benchmarks.tools`).  A required one may be a whole file."""

LIMITED_BY = frozenset({"maxLength", "enum", "const", "pattern", "format"})


def call_schema(tools: Sequence[Tool], *, avoids_repetition: bool = False) -> JsonObject:
    """
    Return the schema of a call of one of `tools`: an object with the tool's `name` and its `arguments`.

    With `avoids_repetition`, optional objects of any shape are left out: SmolLM2-135M fills them without end however it
    is sampled (`uv run python -m benchmarks.tools --model smollm2-135m`).
    """
    if len(tools) == 1:
        return _call_of(tools[0], "#", avoids_repetition)
    calls = [_call_of(tool, f"#/anyOf/{position}", avoids_repetition) for position, tool in enumerate(tools)]
    return {"anyOf": [*calls]}


def _call_of(tool: Tool, place: str, avoids_repetition: bool) -> JsonObject:
    schema = _with_limits(with_properties(tool.input_schema or {}), avoids_repetition)
    arguments = for_grammar(schema, f"{place}/properties/arguments")
    return {
        "type": "object",
        "properties": {"name": {"const": tool.name}, "arguments": arguments},
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


def _with_limits(schema: JsonObject, avoids_repetition: bool) -> JsonObject:
    """Return the schema of a tool's arguments with limits for those that are optional."""
    properties, required = schema["properties"], schema.get("required")
    assert isinstance(properties, dict)
    needed = required if isinstance(required, list) else ()
    limited = {
        name: part if name in needed else _with_limit(part)
        for name, part in properties.items()
        if name in needed or not (avoids_repetition and _has_any_shape(part))
    }
    is_less = limited.keys() < properties.keys()
    return {**schema, "properties": limited, **({"additionalProperties": False} if is_less else {})}


def _has_any_shape(schema: JsonValue) -> bool:
    """Return whether a schema is that of an object without properties of its own."""
    return isinstance(schema, dict) and schema.get("type") == "object" and not schema.get("properties")


def _with_limit(schema: JsonValue) -> JsonValue:
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") == "string" and schema.keys().isdisjoint(LIMITED_BY):
        return {**schema, "maxLength": MAX_OPTIONAL_CHARACTERS}
    if schema.get("type") == "array" and "maxItems" not in schema:
        return {**schema, "maxItems": MAX_OPTIONAL_ITEMS}
    return schema


def with_properties(schema: JsonObject) -> JsonObject:
    """
    Return the schema of a tool's arguments with `type` and `properties`, which servers require.

    LM Studio refuses a request with a tool that has none (lmstudio-bug-tracker 2254).
    """
    if isinstance(schema.get("properties"), dict) and schema.get("type") is not None:
        return schema
    properties = schema.get("properties")
    kind = schema.get("type")
    return {
        **schema,
        "type": "object" if kind is None else kind,
        "properties": properties if isinstance(properties, dict) else {},
    }
