"""Encode the format of the reply: JSON that fits a schema, which the engine enforces."""

from anyclaude.profiles import BackendProfile
from anyclaude.protocol.json_values import JsonObject
from anyclaude.protocol.messages_request import MessagesRequest
from anyclaude.tool_schemas import for_grammar

from .dropped_fields import NO_SUCH_FIELD, DroppedFields
from .tools import is_call_forced

FIELD = "output_config.format"

OLDER_FIELD = "output_format"
"""The name of the field while it was a beta (`structured-outputs-2025-11-13`)."""


def encode_format(request: MessagesRequest, profile: BackendProfile, dropped: DroppedFields) -> JsonObject | None:
    """Return the `response_format` of a request, `None` if it asks for none that can be sent."""
    older = request.extra.get(OLDER_FIELD)
    asked = (request.output_config or {}).get("format")
    name = OLDER_FIELD if asked is None else FIELD
    match older if asked is None else asked:
        case None:
            return None
        case {"type": "json_schema"} if request.tools and is_call_forced(request.tool_choice):
            dropped.note(name, "the reply must be a tool call")
        case {"type": "json_schema", "schema": dict(schema)}:
            return encode_schema("reply", for_grammar(schema) if profile.compiles_tool_schemas else schema)
        case _:
            dropped.note(name, NO_SUCH_FIELD)
    return None


def encode_schema(name: str, schema: JsonObject) -> JsonObject:
    """Return the `response_format` that enforces a schema."""
    return {"type": "json_schema", "json_schema": {"name": name, "schema": schema}}
