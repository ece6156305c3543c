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
    Repetition,
    RepetitionFinder,
    RepetitionNote,
    ShorterSystemPrompt,
    ShorterTools,
    StableToolOrder,
    Transform,
    WithoutAttribution,
    prepare,
)

from .conversation_memory import ConversationMemory


def prompt_transforms(finder: RepetitionFinder | None = None) -> tuple[Transform, ...]:
    """
    Return the transforms in order; keep the instances, because each caches its work for repeated parts.

    `finder` is the one of the transforms that someone else uses too.
    """
    return (
        WithoutAttribution(),
        ShorterSystemPrompt(),
        AllowedTools(),
        ShorterTools(),
        InstructionsFirst(),
        StableToolOrder(),
        RepetitionNote(finder or RepetitionFinder()),
        OriginalCalls(),
    )


class PromptPipeline:
    """
    Prepares every prompt in the same way, whether it is sent, counted or evaluated in advance.

    `policy` holds the settings common to all conversations: the diet, the allowed tools, and the limit of repetitions.
    """

    def __init__(self, memory: ConversationMemory, policy: PromptContext) -> None:
        self._memory = memory
        self._policy = policy
        self._finder = RepetitionFinder()
        self._transforms = prompt_transforms(self._finder)

    @property
    def repeated_calls(self) -> int:
        """The identical rounds of tool calls after which a turn is ended; 0 for any number."""
        return self._policy.repeated_calls

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

    def repetition(self, request: MessagesRequest) -> Repetition | None:
        """Return the calls that a request's conversation repeats at its end; the first time counts as well."""
        return self._finder.at_end(request.messages)
