"""
The instructions that open a conversation come before the user's first message.

Claude Code sends its environment, its skills and its agent types as a `system` message after the
first prompt (2.1.330, for models it does not know).  They are the same in every session of a project,
and the prompt is not: after it, the engine has to evaluate them again each time.
"""

from msgspec.structs import replace

from anyclaude.protocol.messages_request import MessagesRequest

from .base import PromptContext


class InstructionsFirst:
    """Moves a `system` message that directly follows the user's first message before that message."""

    name = "instructions first"

    def __call__(self, request: MessagesRequest, context: PromptContext, /) -> MessagesRequest:
        """
        Return the request with the two messages exchanged.

        Only the second message of a conversation is ever moved: it does not change its place again, and later messages
        are added after it.
        """
        match request.messages:
            case (prompt, instructions, *later) if prompt.role == "user" and instructions.role == "system":
                return replace(request, messages=(instructions, prompt, *later))
            case _:
                return request
