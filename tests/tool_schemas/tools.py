"""Tools with the arguments and types of Claude Code's own, and some of MCP servers."""

from anyclaude.protocol.json_values import JsonObject, JsonValue
from anyclaude.protocol.messages_request import Tool

STRING: JsonObject = {"type": "string"}
NUMBER: JsonObject = {"type": "number"}
BOOLEAN: JsonObject = {"type": "boolean"}


def tool(name: str, required: list[str], **properties: JsonValue) -> Tool:
    """Return a tool as Claude Code describes its own."""
    return Tool(
        name,
        input_schema={
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        },
    )


EDITS: JsonObject = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"old_string": STRING, "new_string": STRING, "replace_all": {**BOOLEAN, "default": False}},
        "required": ["old_string", "new_string"],
        "additionalProperties": False,
    },
    "minItems": 1,
}
TODOS: JsonObject = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "content": {"type": "string", "minLength": 1},
            "status": {"type": "string", "enum": ["pending", "in_progress", "completed"]},
            "activeForm": {"type": "string", "minLength": 1},
        },
        "required": ["content", "status", "activeForm"],
        "additionalProperties": False,
    },
}
MODES: JsonObject = {"type": "string", "enum": ["content", "files_with_matches", "count"]}

TOOLS = (
    tool("Read", ["file_path"], file_path=STRING, offset=NUMBER, limit=NUMBER, pages=STRING),
    tool("Bash", ["command"], command=STRING, timeout=NUMBER, description=STRING, run_in_background=BOOLEAN),
    tool(
        "Edit",
        ["file_path", "old_string", "new_string"],
        file_path=STRING,
        old_string=STRING,
        new_string=STRING,
        replace_all={**BOOLEAN, "default": False},
    ),
    tool("MultiEdit", ["file_path", "edits"], file_path=STRING, edits=EDITS),
    tool("Write", ["file_path", "content"], file_path=STRING, content=STRING),
    tool("Glob", ["pattern"], pattern=STRING, path=STRING),
    tool(
        "Grep",
        ["pattern"],
        pattern=STRING,
        path=STRING,
        glob=STRING,
        output_mode=MODES,
        head_limit=NUMBER,
        **{"-n": BOOLEAN, "-i": BOOLEAN},
    ),
    tool("TodoWrite", ["todos"], todos=TODOS),
    tool(
        "WebSearch",
        ["query"],
        query={"type": "string", "minLength": 2},
        allowed_domains={"type": "array", "items": STRING},
    ),
    tool("TaskList", []),
    Tool(
        "mcp__git__create_issue",
        input_schema={
            "type": "object",
            "properties": {
                "title": STRING,
                "body": {"anyOf": [STRING, {"type": "null"}], "default": None},
                "labels": {"anyOf": [{"type": "array", "items": STRING}, {"type": "null"}]},
                "count": {"type": ["integer", "null"]},
                "place": {"$ref": "#/$defs/Place"},
                "extra": {"type": "object"},
            },
            "required": ["title"],
            "$defs": {"Place": {"type": "object", "properties": {"line": {"type": "integer"}}, "required": ["line"]}},
        },
    ),
)
