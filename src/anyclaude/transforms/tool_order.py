"""
Tools keep their places: what joins a conversation later is appended.

The client sorts its tools by name and inserts the ones a search has loaded, which moves all
that stands behind them (measured: the prefix breaks at the insertion, in the middle of the
tools section).
"""

from msgspec.structs import replace

from anyclaude.protocol.messages_request import MessagesRequest

from .base import PromptContext


class StableToolOrder:
    """Puts the tools the model has read before first, in the order it has read them."""

    name = "tool order"

    def __call__(self, request: MessagesRequest, context: PromptContext, /) -> MessagesRequest:
        """Return the request with its tools in order; no tool is added or lost."""
        places = {name: place for place, name in enumerate(context.tool_order)}
        ordered = tuple(sorted(request.tools, key=lambda tool: places.get(tool.name, len(places))))
        return request if ordered == request.tools else replace(request, tools=ordered)
