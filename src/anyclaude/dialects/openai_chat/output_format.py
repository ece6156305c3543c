"""Encode the format of the reply: JSON that fits a schema, which the engine enforces if it can."""

from msgspec import Struct

from anyclaude.profiles import BackendProfile
from anyclaude.protocol.json_values import JsonObject
from anyclaude.protocol.messages_request import MessagesRequest
from anyclaude.tool_schemas import for_grammar

from .dropped_fields import NO_SUCH_FIELD, DroppedFields
from .in_words import format_in_words
from .tools import is_call_forced

FIELD = "output_config.format"

OLDER_FIELD = "output_format"
"""The name of the field while it was a beta (`structured-outputs-2025-11-13`)."""

NOT_ENFORCED = "the schema is sent in words, which the server does not enforce"


class FormatFields(Struct, frozen=True):
    """The `response_format` of the body, and what the end of the prompt says about the format; either may be absent."""

    response_format: JsonObject | None = None
    instruction: str = ""


def encode_format(request: MessagesRequest, profile: BackendProfile, dropped: DroppedFields) -> FormatFields | None:
    """Return how a request's format is asked for, `None` if it has none that can be sent."""
    older = request.extra.get(OLDER_FIELD)
    asked = (request.output_config or {}).get("format")
    name = OLDER_FIELD if asked is None else FIELD
    match older if asked is None else asked:
        case None:
            return None
        case {"type": "json_schema"} if request.tools and is_call_forced(request.tool_choice):
            dropped.note(name, "the reply must be a tool call")
        case {"type": "json_schema", "schema": dict(schema)}:
            return _fields(schema, name, profile, dropped)
        case _:
            dropped.note(name, NO_SUCH_FIELD)
    return None


def _fields(schema: JsonObject, name: str, profile: BackendProfile, dropped: DroppedFields) -> FormatFields:
    if profile.reply_format == "json_schema":
        return FormatFields(encode_schema("reply", for_grammar(schema) if profile.compiles_tool_schemas else schema))
    dropped.note(name, NOT_ENFORCED)
    field: JsonObject | None = {"type": "json_object"} if profile.reply_format == "json_object" else None
    return FormatFields(field, format_in_words(schema))


def encode_schema(name: str, schema: JsonObject) -> JsonObject:
    """Return the `response_format` that enforces a schema."""
    return {"type": "json_schema", "json_schema": {"name": name, "schema": schema}}
