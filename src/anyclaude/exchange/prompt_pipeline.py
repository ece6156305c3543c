"""The transforms that prepare every prompt, and the information about the conversation that they use."""

from collections.abc import Callable, Mapping

from msgspec.structs import replace

from anyclaude.bounded_dict import BoundedDict
from anyclaude.diet import Diet
from anyclaude.protocol.content import blocks_of
from anyclaude.protocol.messages_request import MessagesRequest
from anyclaude.protocol.prompt_size import CHARACTERS_PER_TOKEN, prompt_characters
from anyclaude.transforms import (
    AllowedTools,
    ClearedThinking,
    ClearedToolUses,
    CompactedOpening,
    CompactionBlocks,
    InstructionsFirst,
    OriginalCall,
    OriginalCalls,
    PreparedPrompt,
    PromptContext,
    Repetition,
    RepetitionFinder,
    RepetitionNote,
    RestoredFiles,
    RoundResults,
    RunnableTools,
    ServerToolTurns,
    ShorterSystemPrompt,
    ShorterTools,
    StableToolOrder,
    Transform,
    WithoutAttribution,
    applied_edits,
    prepare,
)

from .conversation_memory import ConversationMemory

NO_CALLS: Mapping[str, OriginalCall] = {}

MAX_CONVERSATIONS = 1_024
"""Conversations that have been cleared, each with one number."""


def prompt_transforms(finder: RepetitionFinder | None = None) -> tuple[Transform, ...]:
    """
    Return the transforms in order; keep the instances, because each caches its work for repeated parts.

    `finder` is the one of the transforms that someone else uses too.
    """
    return (
        WithoutAttribution(),
        ShorterSystemPrompt(),
        RunnableTools(),
        AllowedTools(),
        ShorterTools(),
        CompactionBlocks(),
        RestoredFiles(),
        ServerToolTurns(),
        RoundResults(),
        CompactedOpening(),
        InstructionsFirst(),
        StableToolOrder(),
        RepetitionNote(finder or RepetitionFinder()),
        OriginalCalls(),
        ClearedThinking(),
        ClearedToolUses(),
    )


class PromptPipeline:
    """
    Prepares every prompt in the same way, whether it is sent, counted or evaluated in advance.

    `policy` holds the settings common to all conversations: the diet, the allowed tools, and the limit of repetitions.
    """

    def __init__(
        self,
        memory: ConversationMemory,
        policy: PromptContext,
        characters_per_token: Callable[[str], float] = lambda _: CHARACTERS_PER_TOKEN,
        context_tokens: Callable[[], int | None] = lambda: None,
        sends_thinking: Callable[[], bool] = lambda: True,
    ) -> None:
        """
        `characters_per_token` returns those of a conversation's prompts, as far as they are known; `context_tokens` the
        window that the server has at present; `sends_thinking`, whether it gets the thinking of earlier turns.
        """
        self._memory = memory
        self._policy = policy
        self._characters_per_token = characters_per_token
        self._context_tokens = context_tokens
        self._sends_thinking = sends_thinking
        self._cleared_at = BoundedDict[str, float](MAX_CONVERSATIONS)
        self._finder = RepetitionFinder()
        self._transforms = prompt_transforms(self._finder)

    @property
    def server_tools(self) -> frozenset[str]:
        """The tools of Anthropic's servers that the gateway runs."""
        return self._policy.server_tools

    @property
    def context_tokens(self) -> int | None:
        """The window that the server has at present."""
        return self._context_tokens()

    @property
    def repeated_calls(self) -> int:
        """The identical rounds of tool calls after which a turn is ended; 0 for any number."""
        return self._policy.repeated_calls

    def change_diet(self, diet: Diet) -> None:
        """Prepare prompts by another diet: the server has lost what it had evaluated, and may have another window."""
        self._policy = replace(self._policy, diet=diet)

    def prepare(
        self, request: MessagesRequest, conversation: str, new_calls: Mapping[str, OriginalCall] = NO_CALLS
    ) -> PreparedPrompt:
        """
        Return the request as a backend receives it; it may run in a thread, and changes nothing.

        `new_calls` are in the request, and not yet in the conversation's memory.
        """
        rate = self._cleared_at.get(conversation) or self._characters_per_token(conversation)
        context = replace(
            self._policy,
            context_tokens=self._context_tokens(),
            sends_thinking=self._sends_thinking(),
            tool_order=self._memory.tool_order(conversation),
            original_calls=self._memory.original_calls,
            new_calls=new_calls,
            characters_per_token=rate,
        )
        prompt = prepare(_with_cacheable_system(request), self._transforms, context, prompt_characters)
        return replace(prompt, context_management=applied_edits(prompt, rate))

    def remember(self, prompt: PreparedPrompt, conversation: str) -> None:
        """Remember what the conversation's next turn needs of this one."""
        self._memory.record_tool_order(conversation, prompt.request)
        if prompt.context_management is not None and prompt.context_management.applied_edits:
            self._keep_rate(conversation)

    def _keep_rate(self, conversation: str) -> None:
        """Measure a conversation from now on as when it was first cleared: where it was cleared follows from that."""
        rate = self._cleared_at.get(conversation) or self._characters_per_token(conversation)
        self._cleared_at[conversation] = rate

    def repetition(self, request: MessagesRequest) -> Repetition | None:
        """Return the calls that a request's conversation repeats at its end; the first time counts as well."""
        return self._finder.at_end(request.messages)


def _with_cacheable_system(request: MessagesRequest) -> MessagesRequest:
    """Return the request with a block in place of a string: what is derived from a block is cached by its identity."""
    if not request.system or not isinstance(request.system, str):
        return request
    return replace(request, system=blocks_of(request.system))
