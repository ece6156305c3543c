"""The schema of a tool call as one JSON object, for engines that are made to call a tool by a schema."""

from collections.abc import Sequence

from anyclaude.protocol.json_values import JsonObject
from anyclaude.protocol.messages_request import Tool

from .grammar_schema import for_grammar


def call_schema(tools: Sequence[Tool]) -> JsonObject:
    """Return the schema of a call of one of `tools`: an object with the tool's `name` and its `arguments`."""
    if len(tools) == 1:
        return _call_of(tools[0], "#")
    return {"anyOf": [_call_of(tool, f"#/anyOf/{position}") for position, tool in enumerate(tools)]}


def _call_of(tool: Tool, place: str) -> JsonObject:
    arguments = for_grammar(with_properties(tool.input_schema or {}), f"{place}/properties/arguments")
    return {
        "type": "object",
        "properties": {"name": {"const": tool.name}, "arguments": arguments},
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


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
