"""Only the tools that were allowed: the model is not told of the others."""

from fnmatch import fnmatchcase

from msgspec.structs import replace

from anyclaude.protocol.messages_request import MessagesRequest, Tool

from .base import PromptContext


class AllowedTools:
    """Leaves out every tool that no allowed name or pattern matches, except one that the request insists on."""

    name = "allowed tools"

    def __call__(self, request: MessagesRequest, context: PromptContext, /) -> MessagesRequest:
        """Return the request with the allowed tools, in their order."""
        allowed = context.allowed_tools
        if allowed is None:
            return request
        wanted = request.tool_choice.name if request.tool_choice else None

        def stays(tool: Tool) -> bool:
            return tool.name == wanted or any(fnmatchcase(tool.name, pattern) for pattern in allowed)

        tools = tuple(filter(stays, request.tools))
        return request if len(tools) == len(request.tools) else replace(request, tools=tools)
