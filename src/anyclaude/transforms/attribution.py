"""
Removal of the attribution line, which changes and means nothing to a model.

It comes before everything else, so each change of it invalidates the whole cache: its last
characters depend on the first user text, and in 2.1.120 a part of it changed with every request.
"""

from msgspec.structs import replace

from anyclaude.protocol.content import Content, TextBlock, blocks_of
from anyclaude.protocol.messages_request import MessagesRequest

from .base import PromptContext

HEADER = "x-anthropic-billing-header:"


class WithoutAttribution:
    """Removes the attribution line from the beginning of the system prompt."""

    name = "attribution"

    def __call__(self, request: MessagesRequest, context: PromptContext, /) -> MessagesRequest:
        """Return the request without the line; the same object if it has none."""
        first = next(iter(blocks_of(request.system)), None)
        if not isinstance(first, TextBlock) or not first.text.startswith(HEADER):
            return request
        return replace(request, system=_without_first_line(request.system, first))


def _without_first_line(system: Content, first: TextBlock) -> Content:
    rest = first.text.partition("\n")[2]
    if isinstance(system, str):
        return rest
    others = system[1:]
    return (replace(first, text=rest), *others) if rest else others
