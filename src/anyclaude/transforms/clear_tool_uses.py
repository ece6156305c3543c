"""
The results of the oldest tool calls, cleared for a client that asks for it (`clear_tool_uses_20250919`).

A result is replaced by a placeholder; its call and its id stay, so that every call still has its result.

The client sends the whole history in every request, so what was cleared before must be found again.  The history says
when: before each turn of the assistant there was a request.  Going through these in order, the edit is applied
wherever its trigger fired, and what it cleared stays cleared.  So the prompt changes before its end only where the
trigger fires, and nothing has to be remembered.  Between two clearings the engine's cache is kept.
"""

from collections import deque
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from anyclaude.protocol.characters import content_characters, json_characters
from anyclaude.protocol.content import ContentBlock, ToolResultBlock, ToolUseBlock, blocks_of
from anyclaude.protocol.context_management import ClearToolUses, context_edits
from anyclaude.protocol.events import AppliedClearing, AppliedEdit, AppliedThinkingClearing, ContextManagement
from anyclaude.protocol.identity_cache import IdentityCache
from anyclaude.protocol.json_values import JsonObject
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.protocol.prompt_size import prompt_characters

from .base import PreparedPrompt, PromptContext
from .clear_thinking import ClearedThinking, ThinkingClearing, cleared_characters, cleared_turns, thinking_clearing

PLACEHOLDER = "[old tool result cleared]"

NO_INPUT: JsonObject = {}

STEP = 8
"""A trigger that stays exceeded, because what is kept is large, clears again only when an eighth of its value
can be cleared.  Otherwise every turn would clear one result, and the engine would evaluate what follows it again."""


class ToolUse(Struct, frozen=True):
    """A call with its result: the positions of their turns, and the characters that clearing it saves."""

    id: str
    called_in: int
    answered_in: int
    saved: int
    is_excluded: bool
    clears_input: bool


class Cleared(Struct, frozen=True):
    """What is cleared in one turn: the ids of results, and of calls whose input is."""

    results: frozenset[str] = frozenset()
    inputs: frozenset[str] = frozenset()


class ClearedToolUses:
    """Clears the oldest tool results where the request asks for it and its trigger has fired."""

    name = "cleared tool results"

    def __init__(self) -> None:
        self._cleared_turn = IdentityCache(_cleared_turn)

    def __call__(self, request: MessagesRequest, context: PromptContext, /) -> MessagesRequest:
        """Return the request with placeholders for the results that the client wants cleared."""
        edit = context_edits(request.context_management).clear_tool_uses
        if edit is None:
            return request
        thinking = thinking_clearing(request, context)
        uses = _uses_to_clear(request, edit, thinking, context.characters_per_token)
        if not uses:
            return request
        return replace(request, messages=self._turns(request.messages, uses))

    def _turns(self, turns: Sequence[Turn], uses: Sequence[ToolUse]) -> tuple[Turn, ...]:
        results: dict[int, set[str]] = {}
        inputs: dict[int, set[str]] = {}
        for use in uses:
            results.setdefault(use.answered_in, set()).add(use.id)
            if use.clears_input:
                inputs.setdefault(use.called_in, set()).add(use.id)
        return tuple(
            self._cleared_turn(turn, Cleared(frozenset(results.get(at, ())), frozenset(inputs.get(at, ()))))
            if at in results or at in inputs
            else turn
            for at, turn in enumerate(turns)
        )


def applied_edits(prompt: PreparedPrompt, characters_per_token: float) -> ContextManagement | None:
    """Return what was done of the edits that the client asked for, tokens estimated; `None` if it asked for none."""
    if prompt.request.context_management is None:
        return None
    results = (
        block
        for turn in prompt.request.messages
        for block in blocks_of(turn.content)
        if isinstance(block, ToolResultBlock)
    )

    def saved_by(name: str) -> int:
        characters = sum(step.before - step.after for step in prompt.steps if step.name == name)
        return max(round(characters / characters_per_token), 0)

    edits: list[AppliedEdit] = []
    if turns := cleared_turns(prompt.request.messages):
        edits.append(AppliedThinkingClearing(turns, saved_by(ClearedThinking.name)))
    if uses := sum(block.content == PLACEHOLDER for block in results):
        edits.append(AppliedClearing(uses, saved_by(ClearedToolUses.name)))
    return ContextManagement(tuple(edits))


def _uses_to_clear(
    request: MessagesRequest, edit: ClearToolUses, thinking: ThinkingClearing | None, characters_per_token: float
) -> list[ToolUse]:
    """Return the uses that one of the conversation's requests so far, or this one, had to clear after `thinking`."""
    clearing = _Clearing(edit, thinking, characters_per_token, prompt_characters(replace(request, messages=())))
    for at, turn in enumerate(request.messages):
        if turn.role == "assistant":
            clearing.request_is_sent()
        clearing.add(at, turn)
    clearing.request_is_sent()
    return clearing.cleared


class _Clearing:
    """The edit, applied to one request after the other of a growing conversation."""

    def __init__(
        self, edit: ClearToolUses, thinking: ThinkingClearing | None, characters_per_token: float, characters: int
    ) -> None:
        self.cleared: list[ToolUse] = []
        self._edit = edit
        self._thinking = thinking
        self._characters_per_token = characters_per_token
        self._characters = characters
        self._calls: dict[str, tuple[int, ToolUseBlock]] = {}
        self._latest: deque[ToolUse] = deque()  # those in the context that are kept, in the order of their results
        self._clearable: list[ToolUse] = []  # the older ones
        self._saved = 0  # the characters that clearing these saves
        self._excluded = 0  # the number of the older ones that are never cleared
        self._has_cleared = False

    def add(self, at: int, turn: Turn) -> None:
        """Add the next turn."""
        self._characters += turn.characters
        if self._thinking is not None:
            self._characters += cleared_characters(turn)
            self._thinking.add(at, turn)
        for block in blocks_of(turn.content):
            if isinstance(block, ToolUseBlock):
                self._calls[block.id] = at, block
            elif isinstance(block, ToolResultBlock) and block.tool_use_id in self._calls:
                self._add_use(at, block)

    def request_is_sent(self) -> None:
        """Clear what has to be cleared, now that the context is as large as it is."""
        if self._thinking is not None:
            self._characters -= self._thinking.request_is_sent()
        uses, saved = len(self._clearable), self._saved
        if not uses or not self._is_triggered() or not self._is_worthwhile(uses, saved):
            return
        self.cleared += self._clearable
        self._has_cleared = True
        self._characters -= saved
        self._clearable, self._saved = [], 0

    def _is_triggered(self) -> bool:
        trigger = self._edit.trigger
        uses = len(self._latest) + len(self._clearable) + self._excluded
        size = uses if trigger.unit == "tool_uses" else self._tokens(self._characters)
        return size > trigger.value

    def _is_worthwhile(self, uses: int, characters: int) -> bool:
        """Return whether enough is cleared: as the client demands, and from the second time on, a step."""
        trigger, tokens = self._edit.trigger, self._tokens(characters)
        if self._edit.clear_at_least and tokens < self._edit.clear_at_least:
            return False
        amount = uses if trigger.unit == "tool_uses" else tokens
        return not self._has_cleared or amount * STEP >= trigger.value

    def _tokens(self, characters: int) -> float:
        return characters / self._characters_per_token

    def _add_use(self, at: int, block: ToolResultBlock) -> None:
        called_in, call = self._calls.pop(block.tool_use_id)
        if block.content == PLACEHOLDER:
            self._has_cleared = True
            return
        clears_input = self._edit.clears_input_of(call.name)
        saved = content_characters(block.content or ()) - len(PLACEHOLDER)
        if clears_input:
            saved += json_characters(call.input) - json_characters(NO_INPUT)
        is_excluded = call.name in self._edit.exclude_tools
        self._latest.append(ToolUse(call.id, called_in, at, saved, is_excluded, clears_input))
        if len(self._latest) > self._edit.keep:
            self._add_older(self._latest.popleft())

    def _add_older(self, use: ToolUse) -> None:
        if use.is_excluded:
            self._excluded += 1
        else:
            self._clearable.append(use)
            self._saved += use.saved


def _cleared_turn(turn: Turn, cleared: Cleared) -> Turn:
    return replace(turn, content=tuple(_cleared_block(block, cleared) for block in blocks_of(turn.content)))


def _cleared_block(block: ContentBlock, cleared: Cleared) -> ContentBlock:
    match block:
        case ToolResultBlock(tool_use_id) if tool_use_id in cleared.results:
            return replace(block, content=PLACEHOLDER)
        case ToolUseBlock(tool_use_id) if tool_use_id in cleared.inputs:
            return replace(block, input=NO_INPUT, raw_arguments=None, written=None)
        case _:
            return block
