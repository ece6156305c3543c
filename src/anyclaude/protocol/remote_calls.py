"""
Calls that Anthropic's servers have run in a conversation that goes on here: of MCP servers, code, and others.

They are blocks of an assistant turn (docs: "MCP connector", "Code execution tool").  Searches and fetches, which the
gateway can run itself, are in `server_tools.py`.
"""

from collections.abc import Iterator

from .content import ContentBlock, ToolUseBlock, UnknownBlock
from .detached_data import has_mark
from .json_values import JsonObject, JsonValue, encode_json
from .server_tools import ServerToolResult

MAX_JSON_CHARACTERS = 2_000
"""The length of what has an unknown form and is sent as its JSON; a longer one holds data, such as a recording."""

_STREAMS = ("stdout", "stderr", "encrypted_stdout")


def remote_call(block: ContentBlock) -> ToolUseBlock | None:
    """Return the call of a tool, an MCP server's under the name that Claude Code gives it; `None` for other blocks."""
    match block:
        case UnknownBlock("mcp_tool_use", {"id": str(call_id), "name": str(name)} as raw):
            server = raw.get("server_name")
            full_name = f"mcp__{server}__{name}" if isinstance(server, str) and server else name
            return ToolUseBlock(call_id, full_name, raw.get("input"))
        case UnknownBlock("server_tool_use", {"id": str(call_id), "name": str(name)} as raw):
            return ToolUseBlock(call_id, name, raw.get("input"))
        case _:
            return None


def remote_result(block: ContentBlock) -> ServerToolResult | None:
    """Return the result of such a call; `None` for other blocks."""
    match block:
        case UnknownBlock(kind, {"tool_use_id": str(call_id)} as raw) if kind.endswith("_tool_result"):
            content = raw.get("content")
            failed = raw.get("is_error") is True or (isinstance(content, dict) and "error_code" in content)
            return ServerToolResult(call_id, _text_of(content), failed)
        case _:
            return None


def _text_of(content: JsonValue) -> str:
    match content:
        case None:
            return ""
        case str(text):
            return text
        case list(blocks) if texts := [text for text in map(_block_text, blocks) if text]:
            return "\n\n".join(texts)
        case dict() if "return_code" in content:
            return "\n".join(_output(content))
        case {"type": "text_editor_code_execution_view_result", "content": str(text)}:
            return text
        case {"type": "text_editor_code_execution_str_replace_result", "lines": list(lines)}:
            return "\n".join(line for line in lines if isinstance(line, str))
        case {"text": str(text)}:
            return text
        case _:
            return _json(content)


def _block_text(block: JsonValue) -> str:
    match block:
        case {"type": "text", "text": str(text)}:
            return text
        case str(text):
            return text
        case _:
            return _json(block)


def _output(content: JsonObject) -> Iterator[str]:
    """Yield what a program wrote, how it ended, and the files that stayed with Anthropic."""
    for name in _STREAMS:
        match content.get(name):
            case str(text) if text and name == "encrypted_stdout":
                yield "[its output is encrypted]"
            case str(text) if text:
                yield text.rstrip("\n")
            case _:
                pass
    yield f"[return code {content.get('return_code', 'unknown')}]"
    files = content.get("content")
    for file in files if isinstance(files, list) else []:
        yield f"[a file, left on Anthropic's servers: {_json(file)}]"


def _json(value: JsonValue) -> str:
    text = encode_json(value).decode()
    return text if len(text) <= MAX_JSON_CHARACTERS and not has_mark(text) else "[omitted: it has no text]"
