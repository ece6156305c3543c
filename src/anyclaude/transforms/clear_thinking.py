"""
The thinking of the oldest assistant turns, cleared for a client that asks for it (`clear_thinking_20251015`).

A turn lasts until the user speaks: its calls and their results belong to it.  Its thinking is cleared when the user
speaks, never in mid-turn, and only when that is worth what the engine has to evaluate again.

What was cleared before is found in the history, as for tool results (`clear_tool_uses.py`).  For that, a cleared block
keeps its place and the number of its characters, and nothing that is sent.  Where the server is not
sent the thinking of earlier turns, there is nothing to clear, and nothing is claimed.
"""

from collections import deque
from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from anyclaude.protocol.content import ContentBlock, ThinkingBlock, ToolResultBlock, ToolUseBlock, blocks_of
from anyclaude.protocol.context_management import ClearThinking, context_edits
from anyclaude.protocol.identity_cache import IdentityFacts
from anyclaude.protocol.messages_request import MessagesRequest, Turn

from .base import PromptContext

STEP = 8
"""Thinking is cleared when it is an eighth of what the engine evaluates again for it: the rest of the prompt, from the
first thought that goes.  So no more than an eighth of the prompt waits to be cleared."""


class ClearedThinking:
    """Clears the thinking of the oldest turns where the request asks for it."""

    name = "cleared thinking"

    def __init__(self) -> None:
        self._without_thinking = IdentityFacts(_without_thinking)

    def __call__(self, request: MessagesRequest, context: PromptContext, /) -> MessagesRequest:
        """Return the request without the thinking that the client wants cleared."""
        clearing = thinking_clearing(request, context)
        if clearing is None:
            return request
        for at, turn in enumerate(request.messages):
            if turn.role == "assistant":
                clearing.request_is_sent()
            clearing.add(at, turn)
        clearing.request_is_sent()
        if not clearing.cleared:
            return request
        cleared = frozenset(clearing.cleared)
        turns = (self._without_thinking(turn) if at in cleared else turn for at, turn in enumerate(request.messages))
        return replace(request, messages=tuple(turns))


def thinking_clearing(request: MessagesRequest, context: PromptContext) -> "ThinkingClearing | None":
    """Return the edit that a request asks for, at the beginning of its conversation; `None` if it asks for none."""
    edit = context_edits(request.context_management).clear_thinking if context.sends_thinking else None
    return None if edit is None else ThinkingClearing(edit)


def cleared_turns(turns: Iterable[Turn]) -> int:
    """Return how many turns of the assistant have lost their thinking."""
    count, is_counted = 0, False
    for turn in turns:
        if is_spoken_by_user(turn):
            is_counted = False
        elif not is_counted and cleared_characters(turn):
            count, is_counted = count + 1, True
    return count


def cleared_characters(turn: Turn) -> int:
    """Return the number of characters of thinking that were cleared from a message."""
    return sum(block.cleared for block in blocks_of(turn.content) if isinstance(block, ThinkingBlock))


def is_spoken_by_user(turn: Turn) -> bool:
    """Return whether a turn ends that of the assistant: the user speaks, and does not only answer its calls."""
    return turn.role == "user" and not any(isinstance(block, ToolResultBlock) for block in blocks_of(turn.content))


class ThoughtTurn(Struct, frozen=True):
    """A turn of the assistant that has thinking: the messages with it, its characters, and those before the first."""

    messages: tuple[int, ...]
    characters: int
    before: int


class ThinkingClearing:
    """The edit, applied to one request after the other of a growing conversation."""

    def __init__(self, edit: ClearThinking) -> None:
        self.cleared: list[int] = []
        """The positions of the messages that lose their thinking."""
        self._edit = edit
        self._characters = 0  # of all messages, as they would be with nothing else cleared
        self._latest: deque[ThoughtTurn | None] = deque()  # those that are kept
        self._clearable: list[ThoughtTurn] = []
        self._current: ThoughtTurn | None = None
        self._has_replied = False  # since the user spoke
        self._has_spoken = False  # the user, since the last request

    def add(self, at: int, turn: Turn) -> None:
        """Add the next message."""
        if is_spoken_by_user(turn):
            self._end_turn()
            self._has_spoken = True
        elif turn.role == "assistant":
            self._has_replied = True
            self._add_thinking(at, turn)
        self._characters += turn.characters + cleared_characters(turn)

    def request_is_sent(self) -> int:
        """Clear what has to be cleared, now that the user has spoken, and return the number of its characters."""
        if not self._has_spoken:
            return 0
        self._has_spoken = False
        saved = sum(turn.characters for turn in self._clearable)
        if not saved or saved * STEP < self._characters - self._clearable[0].before:
            return 0
        self.cleared += (at for turn in self._clearable for at in turn.messages)
        self._clearable = []
        return saved

    def _add_thinking(self, at: int, turn: Turn) -> None:
        thoughts = (block for block in blocks_of(turn.content) if isinstance(block, ThinkingBlock))
        characters = sum(len(block.thinking) + block.cleared for block in thoughts)
        if characters:
            begun = self._current or ThoughtTurn((), 0, self._characters)
            self._current = ThoughtTurn((*begun.messages, at), begun.characters + characters, begun.before)

    def _end_turn(self) -> None:
        if not self._has_replied:
            return
        self._latest.append(self._current)
        self._current, self._has_replied = None, False
        if len(self._latest) > self._edit.keep and (oldest := self._latest.popleft()) is not None:
            self._clearable.append(oldest)


def _without_thinking(turn: Turn) -> Turn:
    return replace(turn, content=tuple(map(_cleared_block, blocks_of(turn.content))))


def _cleared_block(block: ContentBlock) -> ContentBlock:
    match block:
        case ThinkingBlock(thinking, cleared=cleared) if thinking:
            return ThinkingBlock("", cleared=cleared + len(thinking))
        case ToolUseBlock(provider_fields=fields) if fields is not None and fields.reasoning:
            return replace(block, provider_fields=replace(fields, reasoning=""))
        case _:
            return block
