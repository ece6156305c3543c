"""The steps that prepare every prompt, and what they may know of its conversation."""

from msgspec.structs import replace

from anyclaude.protocol.messages_request import MessagesRequest
from anyclaude.protocol.prompt_size import prompt_characters
from anyclaude.transforms import (
    AllowedTools,
    InstructionsFirst,
    PreparedPrompt,
    PromptContext,
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
    """Return the steps in order; an instance kept for many prompts does repeated work only once."""
    return (
        WithoutAttribution(),
        ShorterSystemPrompt(),
        AllowedTools(),
        ShorterTools(),
        InstructionsFirst(),
        StableToolOrder(),
        RawArguments(),
    )


class PromptPipeline:
    """
    Prepares prompts: those that are sent, counted and evaluated in advance come out alike.

    `policy` is what the steps know about every conversation: the diet and the allowed tools.
    """

    def __init__(self, memory: ConversationMemory, policy: PromptContext) -> None:
        self._memory = memory
        self._policy = policy
        self._steps = prompt_steps()

    def prepared(self, request: MessagesRequest, conversation: str) -> PreparedPrompt:
        """Return the request as a backend is to get it."""
        context = replace(
            self._policy,
            tool_order=self._memory.tool_order(conversation),
            raw_arguments=self._memory.raw_arguments,
        )
        return prepare(request, self._steps, context, prompt_characters)

    def next_turn(self, request: MessagesRequest, conversation: str) -> PreparedPrompt:
        """Return the request as a backend is to get it, and remember it as the conversation's latest."""
        prompt = self.prepared(request, conversation)
        self._memory.record_tool_order(conversation, prompt.request)
        return prompt
