"""Tools of Anthropic's servers that the gateway runs itself, offered to the model as tools that it can call."""

from collections.abc import Mapping
from types import MappingProxyType

from msgspec.structs import replace

from anyclaude.protocol.identity_cache import IdentityCache
from anyclaude.protocol.json_values import JsonObject
from anyclaude.protocol.messages_request import MessagesRequest, Tool
from anyclaude.protocol.server_tools import WEB_FETCH, WEB_SEARCH

from .base import PromptContext


def _input(name: str, meaning: str) -> JsonObject:
    return {
        "type": "object",
        "properties": {name: {"type": "string", "description": meaning}},
        "required": [name],
        "additionalProperties": False,
    }


_OFFERED: Mapping[str, tuple[str, JsonObject]] = MappingProxyType(
    {
        WEB_SEARCH: (
            "Search the web. Returns titles, addresses and excerpts of pages. Name the addresses you relied on.",
            _input("query", "What to search for, in a few words"),
        ),
        WEB_FETCH: (
            "Fetch a web page or a PDF file, and return its text. The address must stand in the conversation.",
            _input("url", "The whole address, with https://"),
        ),
    }
)


def runnable_name(tool: Tool) -> str | None:
    """Return which of the tools that a gateway may run this is, `None` for every other: the type ends with a date."""
    if not tool.is_server_tool or tool.type is None:
        return None
    return next((name for name in _OFFERED if tool.type.startswith(f"{name}_")), None)


class RunnableTools:
    """Gives each tool that the gateway runs a description and a schema; `PromptContext.server_tools` names them."""

    name = "runnable tools"

    def __init__(self) -> None:
        self._offered = IdentityCache(_offered)

    def __call__(self, request: MessagesRequest, context: PromptContext, /) -> MessagesRequest:
        """Return the request with these tools as tools that the model can call."""
        if not context.server_tools or not any(tool.is_server_tool for tool in request.tools):
            return request
        tools = tuple(self._offered(tool, context.server_tools) for tool in request.tools)
        return request if tools == request.tools else replace(request, tools=tools)


def _offered(tool: Tool, runnable: frozenset[str]) -> Tool:
    name = runnable_name(tool)
    if name is None or name not in runnable:
        return tool
    description, schema = _OFFERED[name]
    return Tool(tool.name, description, schema)
