"""The transforms that prepare every prompt, and the information about the conversation that they use."""

from msgspec.structs import replace

from anyclaude.protocol.messages_request import MessagesRequest
from anyclaude.protocol.prompt_size import prompt_characters
from anyclaude.transforms import (
    AllowedTools,
    InstructionsFirst,
    OriginalCalls,
    PreparedPrompt,
    PromptContext,
    ShorterSystemPrompt,
    ShorterTools,
    StableToolOrder,
    Transform,
    WithoutAttribution,
    prepare,
)

from .conversation_memory import ConversationMemory


def prompt_transforms() -> tuple[Transform, ...]:
    """Return the transforms in order; keep the instances, because each caches its work for repeated parts."""
    return (
        WithoutAttribution(),
        ShorterSystemPrompt(),
        AllowedTools(),
        ShorterTools(),
        InstructionsFirst(),
        StableToolOrder(),
        OriginalCalls(),
    )


class PromptPipeline:
    """
    Prepares every prompt in the same way, whether it is sent, counted or evaluated in advance.

    `policy` holds the settings common to all conversations: the diet and the allowed tools.
    """

    def __init__(self, memory: ConversationMemory, policy: PromptContext) -> None:
        self._memory = memory
        self._policy = policy
        self._transforms = prompt_transforms()

    def prepare(self, request: MessagesRequest, conversation: str) -> PreparedPrompt:
        """Return the request as a backend receives it."""
        context = replace(
            self._policy,
            tool_order=self._memory.tool_order(conversation),
            original_calls=self._memory.original_calls,
        )
        return prepare(request, self._transforms, context, prompt_characters)

    def next_turn(self, request: MessagesRequest, conversation: str) -> PreparedPrompt:
        """Return the request as a backend receives it, and remember the order of its tools for the next turn."""
        prompt = self.prepare(request, conversation)
        self._memory.record_tool_order(conversation, prompt.request)
        return prompt
