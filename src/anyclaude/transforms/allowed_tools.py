"""Only the allowed tools: the model does not see the others."""

from fnmatch import fnmatchcase

from msgspec.structs import replace

from anyclaude.protocol.messages_request import MessagesRequest, Tool

from .base import PromptContext


class AllowedTools:
    """Removes every tool that no allowed name or pattern matches, except the one that the request requires."""

    name = "allowed tools"

    def __call__(self, request: MessagesRequest, context: PromptContext, /) -> MessagesRequest:
        """Return the request with the allowed tools, in their order."""
        allowed = context.allowed_tools
        if allowed is None:
            return request
        required = request.tool_choice.name if request.tool_choice else None

        def is_allowed(tool: Tool) -> bool:
            return tool.name == required or any(fnmatchcase(tool.name, pattern) for pattern in allowed)

        tools = tuple(filter(is_allowed, request.tools))
        return request if len(tools) == len(request.tools) else replace(request, tools=tools)
