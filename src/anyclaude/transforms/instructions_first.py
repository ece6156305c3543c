"""
The instructions that open a conversation stand before the user's first words.

Claude Code sends its environment, its skills and its agent types as a `system` message behind the
first prompt (2.1.330, for models it does not know).  They are the same in every session of a project,
and the prompt is not: behind it, the engine has to read them anew each time.
"""

from msgspec.structs import replace

from anyclaude.protocol.messages_request import MessagesRequest

from .base import PromptContext


class InstructionsFirst:
    """Moves a `system` message that directly follows the first message of the user before it."""

    name = "instructions first"

    def __call__(self, request: MessagesRequest, context: PromptContext, /) -> MessagesRequest:
        """
        Return the request with the two exchanged.

        Only the second message of a conversation is ever moved: it never changes its place again, and what is added
        later is behind it.
        """
        match request.messages:
            case (asked, instructed, *later) if asked.role == "user" and instructed.role == "system":
                return replace(request, messages=(instructed, asked, *later))
            case _:
                return request
