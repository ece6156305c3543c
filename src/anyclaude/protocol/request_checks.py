"""
Refuse what Anthropic's API refuses, unless the refusal would block a session.

`docs/compatibility.md` lists each case with the decision and its reason, and its rows are the tests.  Types of fields
are checked where they are decoded; here are the ranges of values, and the form of a conversation.
"""

from collections.abc import Sequence

from anyclaude.errors import InvalidRequest

from .content import (
    Base64Source,
    ContentBlock,
    DocumentBlock,
    ImageBlock,
    OtherSource,
    TextBlock,
    ToolResultBlock,
    ToolUseBlock,
    UnknownBlock,
    blocks_of,
    kind_of,
)
from .messages_request import MessagesRequest, Tool, Turn

ROLES = ("user", "assistant", "system", "developer")
"""The API's roles (`system` in mid-conversation since 2026), and OpenAI's name for `system`."""

BLOCK_KINDS = frozenset(
    {
        "advisor_tool_result",
        "bash_code_execution_tool_result",
        "code_execution_tool_result",
        "compaction",
        "container_upload",
        "fallback",
        "mcp_tool_listing",
        "mcp_tool_result",
        "mcp_tool_use",
        "search_result",
        "server_tool_use",
        "text_editor_code_execution_tool_result",
        "tool_addition",
        "tool_removal",
        "tool_search_tool_result",
        "web_fetch_tool_result",
        "web_search_tool_result",
    }
)
"""The blocks that the API defines and the gateway does not type (anthropic 2.12.0, `BetaContentBlockParam`)."""

IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")
"""The media types of images that the API takes (docs: Vision)."""

SOURCE_TYPES = {"image": ("base64", "url", "file"), "document": ("base64", "url", "file", "text", "content")}
"""The types of sources that the API takes for an image and for a document."""

MAX_STOP_SEQUENCES = 256
"""They are made ready for each reply, which takes a millisecond for so many; a client has a handful."""

MAX_STOP_CHARACTERS = 10_000
"""Of all stop sequences."""

MAX_TOOLS = 2_000
"""Their names are looked up for each reply, in the event loop: 6 us each.  Sessions with many MCP servers have some
hundred."""

MAX_TOOL_NAME_CHARACTERS = 1_024
"""The API takes 128; names of MCP tools have been longer."""

CLIENT_TOOL_TYPES = (None, "custom")


def check_request(request: MessagesRequest, *, is_claude_code: bool, interleaves_thinking: bool) -> None:
    """
    Check the values of a request, and its form unless Claude Code sends it.

    Claude Code adds to the API with its releases, and repeats a conversation that was refused, so that one refusal
    blocks the session.  With interleaved thinking the budget covers all calls of a turn, and may exceed `max_tokens`.

    Raises:
        InvalidRequest: which names the field, what is wrong with it, and what is allowed.
    """
    _check_range("temperature", request.temperature, 1)
    _check_range("top_p", request.top_p, 1)
    _check_range("top_k", request.top_k)
    _check_stop_sequences(request.stop_sequences)
    _check_tool_sizes(request.tools)
    if is_claude_code:
        return
    if not interleaves_thinking:
        _check_budget(request)
    _check_tools(request)
    for position, block in enumerate(blocks_of(request.system)):
        if not isinstance(block, TextBlock):
            raise InvalidRequest(f"system.{position}.type: should be text")
    for position, turn in enumerate(request.messages):
        _check_turn(turn, f"messages.{position}")


def _check_range(name: str, value: float | None, highest: int | None = None) -> None:
    if value is not None and (value < 0 or (highest is not None and value > highest)):
        allowed = "0 or more" if highest is None else f"from 0 to {highest}"
        raise InvalidRequest(f"{name}: should be {allowed}, not {value:g}")


def _check_stop_sequences(sequences: Sequence[str]) -> None:
    if len(sequences) > MAX_STOP_SEQUENCES:
        raise InvalidRequest(
            f"stop_sequences: should have at most {MAX_STOP_SEQUENCES:,} entries, not {len(sequences):,}"
        )
    if sum(map(len, sequences)) > MAX_STOP_CHARACTERS:
        raise InvalidRequest(f"stop_sequences: should have at most {MAX_STOP_CHARACTERS:,} characters in all")
    for position, sequence in enumerate(sequences):
        if not sequence:
            raise InvalidRequest(f"stop_sequences.{position}: should have at least one character")


def _check_tool_sizes(tools: Sequence[Tool]) -> None:
    if len(tools) > MAX_TOOLS:
        raise InvalidRequest(f"tools: should have at most {MAX_TOOLS:,} entries, not {len(tools):,}")
    for position, tool in enumerate(tools):
        if len(tool.name) > MAX_TOOL_NAME_CHARACTERS:
            raise InvalidRequest(
                f"tools.{position}.name: should have at most {MAX_TOOL_NAME_CHARACTERS:,} characters, "
                f"not {len(tool.name):,}"
            )


def _check_budget(request: MessagesRequest) -> None:
    thinking = request.thinking or {}
    budget = thinking.get("budget_tokens")
    if thinking.get("type") != "enabled" or not isinstance(budget, int | float) or request.max_tokens == 0:
        return
    if budget >= request.max_tokens:
        raise InvalidRequest(
            f"thinking.budget_tokens: should be less than max_tokens, which is {request.max_tokens}, not {budget}"
        )


def _check_tools(request: MessagesRequest) -> None:
    names: set[str] = set()
    for position, tool in enumerate(request.tools):
        _check_tool(tool, f"tools.{position}")
        if tool.name in names:
            raise InvalidRequest(f"tools.{position}.name: should be unique, but {tool.name!r} is the name of two tools")
        if tool.name:
            names.add(tool.name)
    choice = request.tool_choice
    if choice is None:
        return
    if choice.type in {"any", "tool"} and not request.tools:
        raise InvalidRequest(f"tool_choice: {choice.type} requires tools, and there are none")
    if choice.name is not None and choice.name not in names:
        raise InvalidRequest(f"tool_choice.name: should be the name of a tool, not {choice.name!r}")


def _check_tool(tool: Tool, path: str) -> None:
    if tool.type not in CLIENT_TOOL_TYPES:
        return  # a tool of Anthropic's servers, which has fields of its own
    if not tool.name:
        raise InvalidRequest(f"{path}.name: field required")
    if tool.input_schema is None:
        raise InvalidRequest(f"{path}.input_schema: field required")


def _check_turn(turn: Turn, path: str) -> None:
    if turn.role not in ROLES:
        raise InvalidRequest(f"{path}.role: should be {_any_of(ROLES)}, not {turn.role!r}")
    blocks = blocks_of(turn.content)
    if turn.role == "user" and not blocks:
        raise InvalidRequest(f"{path}.content: should not be empty")
    in_list = not isinstance(turn.content, str)
    for position, block in enumerate(blocks):
        where = f"{path}.content.{position}" if in_list else f"{path}.content"
        _check_call(block, where)
        if turn.role == "user":
            _check_user_block(block, where)


def _check_call(block: ContentBlock, path: str) -> None:
    match block:
        case ToolUseBlock(id, name, given):
            _require(id, f"{path}.id")
            _require(name, f"{path}.name")
            if not isinstance(given, dict):
                raise InvalidRequest(f"{path}.input: should be an object, not {kind_of(given)}")
        case ToolResultBlock(tool_use_id):
            _require(tool_use_id, f"{path}.tool_use_id")
        case _:
            pass


def _check_user_block(block: ContentBlock, path: str) -> None:
    match block:
        case TextBlock(text):
            if not text.strip():
                raise InvalidRequest(f"{path}: text should contain more than whitespace")
        case ImageBlock(Base64Source(media_type, data)):
            if media_type not in IMAGE_TYPES:
                raise InvalidRequest(
                    f"{path}.source.media_type: should be {_any_of(IMAGE_TYPES)}, not {media_type!r:.100}"
                )
            _require(data, f"{path}.source.data")
        case ImageBlock(OtherSource(raw)):
            _check_source_type(raw.get("type"), "image", path)
        case DocumentBlock(OtherSource(raw)):
            _check_source_type(raw.get("type"), "document", path)
        case UnknownBlock(kind) if kind not in BLOCK_KINDS:
            raise InvalidRequest(
                f"{path}.type: should be text, image, document, tool_result or another type of the Messages API, "
                f"not {kind!r:.100}"
            )
        case _:
            pass


def _check_source_type(kind: object, block: str, path: str) -> None:
    allowed = SOURCE_TYPES[block]
    if kind not in allowed:
        raise InvalidRequest(f"{path}.source.type: should be {_any_of(allowed)}, not {kind!r:.100}")


def _require(value: str, path: str) -> None:
    if not value:
        raise InvalidRequest(f"{path}: field required, and not empty")


def _any_of(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"
