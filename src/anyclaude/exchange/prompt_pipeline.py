"""How a gateway prepares prompts: the steps it takes, and what they may know of a conversation."""

from anyclaude.protocol.messages_request import MessagesRequest
from anyclaude.protocol.prompt_size import prompt_characters
from anyclaude.transforms import (
    AllowedTools,
    InstructionsFirst,
    PreparedPrompt,
    RawArguments,
    ShorterSystemPrompt,
    ShorterTools,
    StableToolOrder,
    Transform,
    WithoutAttribution,
    prepare,
)

from .conversation_memory import ConversationMemory


def prompt_steps() -> tuple[Transform, ...]:
    """Return what is done to every prompt, in order; kept for many prompts, the steps do the same work only once."""
    return (
        WithoutAttribution(),
        ShorterSystemPrompt(),
        AllowedTools(),
        ShorterTools(),
        InstructionsFirst(),
        StableToolOrder(),
        RawArguments(),
    )


class Preparation:
    """The same for everyone who prepares a prompt: what is sent, counted and evaluated in advance comes out alike."""

    def __init__(self, memory: ConversationMemory) -> None:
        self.memory = memory
        self._steps = prompt_steps()

    def prepared(self, request: MessagesRequest, conversation: str) -> PreparedPrompt:
        """Return the request as a backend shall have it."""
        return prepare(request, self._steps, self.memory.context(conversation), prompt_characters)
