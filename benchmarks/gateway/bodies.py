"""Requests shaped like Claude Code's: a system prompt, tools with schemas, turns with tool uses and results."""

import json
from collections.abc import Iterator
from itertools import count

from anyclaude.protocol.json_values import JsonObject, JsonValue

MODEL = "bench-model"

SMALL_BYTES = 4_000
LARGE_BYTES = 300_000
"""A session of about thirty turns that has read files; the first request of a session has 60 to 80 kB."""

SMALL_TOOLS = 3
LARGE_TOOLS = 60
"""Claude Code's own tools and those of a few MCP servers; 4 kB have no room for that many."""

TOOLS_BYTES = 40_000
OFFERED_TOOLS = 20
"""Claude Code's own tools; a request of the same size without them shows what they cost in the reply."""

SENTENCE = 'The quick fixture reads the file, changes line 42 and runs the tests again; "nothing" else is touched.\n'


def request_body(size: int, tool_count: int, tag: str = "") -> bytes:
    """Return the JSON of a streaming request of about `size` bytes; `tag` is at the end of its last message."""
    tools = [_tool(number) for number in range(tool_count)]
    turns: list[JsonValue] = [_question("Tidy up the repository.")]
    spare = size - len(_encoded(tools, turns, tag))
    for call, result in _tool_rounds():
        added = len(json.dumps([call, result]))
        if added > spare:
            break
        turns += [call, result]
        spare -= added
    turns[0] = _question("Tidy up the repository. " + (SENTENCE * 40)[: max(spare, 0)])
    return _encoded(tools, turns, tag)


def _encoded(tools: list[JsonObject], turns: list[JsonValue], tag: str) -> bytes:
    return json.dumps(
        {
            "model": MODEL,
            "max_tokens": 32000,
            "stream": True,
            "system": _system(len(tools)),
            "tools": tools,
            "messages": [*turns[:-1], _tagged(turns[-1], tag)],
            "metadata": {"user_id": "user_0_account__session_0"},
            "thinking": {"type": "adaptive"},
            "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        },
        separators=(",", ":"),
    ).encode()


def _system(tool_count: int) -> list[JsonObject]:
    """Return a system prompt: 28,000 characters as in the real client, a few lines in a small request."""
    cache: JsonObject = {"type": "ephemeral"}
    instructions = SENTENCE * (270 if tool_count >= LARGE_TOOLS else 4)
    return [
        {"type": "text", "text": "You are Claude Code, Anthropic's official CLI for Claude."},
        {"type": "text", "text": instructions, "cache_control": cache},
    ]


def _tool(number: int) -> JsonObject:
    properties: dict[str, JsonValue] = {
        name: {"type": kind, "description": f"The {name} that this call works on. {SENTENCE.strip()}"}
        for name, kind in (("file_path", "string"), ("offset", "integer"), ("limit", "integer"), ("pattern", "string"))
    }
    properties["edits"] = {
        "type": "array",
        "items": {"type": "object", "properties": {"old": {"type": "string"}, "new": {"type": "string"}}},
    }
    schema: dict[str, JsonValue] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": properties if number >= SMALL_TOOLS else {"file_path": properties["file_path"]},
        "required": ["file_path"],
        "additionalProperties": False,
    }
    description = SENTENCE * (8 if number >= SMALL_TOOLS else 1)
    return {"name": f"mcp__workbench__tool_{number}", "description": description, "input_schema": schema}


def _tool_rounds() -> Iterator[tuple[JsonObject, JsonObject]]:
    """Yield an endless sequence of turns: the model reads a file, and the client returns its content."""
    for number in count():
        tool_use_id = f"toolu_{number:024d}"
        call: JsonObject = {"type": "tool_use", "id": tool_use_id, "name": "mcp__workbench__tool_0", "input": {}}
        call = {**call, "input": {"file_path": f"/home/user/project/src/module_{number}.py"}}
        text: JsonObject = {"type": "text", "text": f"I read module {number}. {SENTENCE}"}
        file = "".join(f'{line:5d}\t    value_{line} = "{SENTENCE.strip()}"\\n\n' for line in range(40))
        result: JsonObject = {"type": "tool_result", "tool_use_id": tool_use_id, "content": file}
        yield {"role": "assistant", "content": [text, call]}, {"role": "user", "content": [result]}


def _question(text: str) -> JsonObject:
    return {"role": "user", "content": [{"type": "text", "text": text}]}


def _tagged(turn: JsonValue, tag: str) -> JsonObject:
    assert isinstance(turn, dict)
    blocks = turn["content"]
    assert isinstance(blocks, list)
    return {**turn, "content": [*blocks, {"type": "text", "text": f"Go on. {tag}"}]}
