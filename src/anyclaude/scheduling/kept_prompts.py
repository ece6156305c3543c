"""
Which conversations an engine with one slot keeps, so that none of them takes another's prompt away.

llama.cpp keeps the prompt that another one evicts from its slot in memory.  The next prompt gets the one that begins
most like it, and gets it for itself: it is moved, not copied (`server_prompt_cache::load`, b11549).  Of two sub-agents
that take turns with the main conversation, each then takes the other's prompt with every turn, and evaluates all of its
own again but the beginning that they share.  What is in the slot, on the other hand, is copied before a prompt takes it
that differs enough.  So the prompt that would be taken is first sent once more, which puts it into the slot.
"""

from msgspec import Struct

from anyclaude.kept_values import KeptValues
from anyclaude.memory_budget import MemoryBudget
from anyclaude.protocol.characters import content_characters
from anyclaude.protocol.content import Content, TextBlock, blocks_of
from anyclaude.protocol.memory_size import memory_size
from anyclaude.protocol.messages_request import MessagesRequest
from anyclaude.protocol.prompt import characters_in_common
from anyclaude.protocol.prompt_size import prompt_characters

MAX_KEPT = 4
"""Conversations beside the one in the slot.  The engine drops its oldest when its memory is full, and does not say so;
of few, what is believed to be there is there."""

LENT_FROM = 0.25
"""The share of a prompt from which a copy is worth its time."""

COPIED_BELOW, SURELY_COPIED_BELOW = 0.97, 0.9
"""The slot's content is copied if a prompt shares less of its tokens with it than 0.95 (`SAME_CONVERSATION_SHARE`).
Characters tell it roughly: texts have different numbers of them per token, and templates add marks.  Between these two
shares, the copy is hoped for and not counted on: at worst, a prompt is sent once more in vain.  A prompt that shares
more takes another's, of which then less than a twentieth is lost."""

MAX_CHARACTERS = 1_000_000
"""Of a prompt that is followed: 250,000 tokens are more than local engines have a window for.  One with images is not
followed either, because the data stays with the exchange."""

MAX_EVALUATED_TOKENS = 64
"""Of a prompt that the engine still has, it evaluates the last token, or the few from which its reply differs."""


class KeptPrompt(Struct, frozen=True):
    """The last prompt of a conversation."""

    conversation: str
    request: MessagesRequest


class KeptPrompts:
    """Follows what is sent to one engine; an engine of whose memory too little is known is left alone."""

    def __init__(self, budget: MemoryBudget | None = None) -> None:
        self._kept = KeptValues[str, KeptPrompt](
            "prompts of the engine", budget or MemoryBudget(), memory_size, max_entries=MAX_KEPT
        )
        self._in_slot: KeptPrompt | None = None
        self._has_given_up = False

    def lender(self, conversation: str, request: MessagesRequest) -> KeptPrompt | None:
        """Return the prompt that this one would take away, and whose copy it can have; `None` if there is none."""
        slot = self._in_slot
        if self._has_given_up or slot is None or conversation in (slot.conversation, *self._kept):
            return None
        in_slot = share_in_common(slot.request, request)
        shares = ((share_in_common(kept.request, request), kept) for kept in self._kept.all())
        share, lender = max(shares, key=lambda pair: pair[0], default=(0.0, slot))
        return lender if max(in_slot, LENT_FROM) < share < COPIED_BELOW else None

    def sent(self, conversation: str, request: MessagesRequest) -> None:
        """Follow a prompt: the one in the slot is kept, unless this one goes on from it without a copy."""
        if self._has_given_up:
            return
        is_followed = not request.detached and prompt_characters(request) <= MAX_CHARACTERS
        slot, self._in_slot = self._in_slot, KeptPrompt(conversation, request) if is_followed else None
        if slot is None or slot.conversation == conversation:
            return
        in_slot = share_in_common(slot.request, request)
        if conversation not in self._kept:
            shares = ((share_in_common(kept.request, request), kept.conversation) for kept in self._kept.all())
            share, taken = max(shares, default=(0.0, ""))
            if share > in_slot:
                self._kept.drop(taken)
        self._kept.drop(conversation)
        if in_slot < SURELY_COPIED_BELOW:
            self._kept.keep(slot.conversation, slot)

    def give_up(self) -> None:
        """Lend nothing any more: the engine had not kept what it was believed to keep."""
        self._has_given_up = True
        self._in_slot = None
        self._kept.clear()


def share_in_common(before: MessagesRequest, now: MessagesRequest) -> float:
    """Return the share of a prompt that begins like another one, in characters; the tools come first."""
    return _characters_in_common(before, now) / max(1, prompt_characters(now))


def _characters_in_common(before: MessagesRequest, now: MessagesRequest) -> int:
    common = 0
    for known, tool in zip(before.tools, now.tools, strict=False):
        if known != tool:
            return common
        common += tool.characters
    if len(before.tools) != len(now.tools):
        return common
    contents = ((one.content, other.content) for one, other in zip(before.messages, now.messages, strict=False))
    for one, other in ((before.system, now.system), *contents):
        if one == other:
            common += content_characters(other)
        else:
            return common + _beginning_in_common(one, other)
    return common


def _beginning_in_common(one: Content, other: Content) -> int:
    common = 0
    for known, block in zip(blocks_of(one), blocks_of(other), strict=False):
        if known != block:
            if isinstance(known, TextBlock) and isinstance(block, TextBlock):
                common += characters_in_common(known.text, block.text)
            return common
        common += content_characters((block,))
    return common
