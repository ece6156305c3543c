"""
A conversation that goes on from a summary begins as it did before it was compacted.

Claude Code repeats its environment, agents and skills behind the summary and the turns that it has kept, in another
order, and after `/compact` the project's CLAUDE.md too (2.1.332).  They are the same as before, but the summary is new:
behind it, the engine has to evaluate them again.
"""

import re
from collections.abc import Sequence
from itertools import pairwise, takewhile

from msgspec.structs import replace

from anyclaude.claude_code import REMINDER_START, SUMMARY_START
from anyclaude.protocol.content import ContentBlock, TextBlock, blocks_of
from anyclaude.protocol.messages_request import MessagesRequest, Turn

from .base import PromptContext

ENVIRONMENT = "# Environment\n"
OPENINGS = (
    ENVIRONMENT,
    "You are powered by the model ",
    "Available agent types for the Agent tool:",
    "The following skills are available for use with the Skill tool:",
    "",
    "Today's date is ",
)
"""How the sections of a `system` message begin, in the order of a conversation's first one; the empty one stands for
text before them.  Text between two of them goes with the first."""

MEMORY = f"{REMINDER_START}\nCodebase and user instructions are shown below."
"""Begins the reminder that has CLAUDE.md; with diet `full`, the state of git and others follow it."""

SECTION = re.compile(rf"^(?:{'|'.join(re.escape(opening) for opening in OPENINGS if opening)})", re.MULTILINE)
SEPARATOR = "\n\n"


class CompactedOpening:
    """Moves what the client repeats after a compaction before the summary; no text is changed, added or lost."""

    name = "compacted opening"

    def __call__(self, request: MessagesRequest, context: PromptContext, /) -> MessagesRequest:
        """
        Return the request with the client's instructions first, then its reminders, then the summary.

        What is moved stands in the first request after the compaction, and so in every later one.
        """
        turns = request.messages
        if not turns or turns[0].role != "user" or not goes_on_from_summary(request):
            return request
        at = next((at for at, turn in enumerate(turns) if _has_environment(turn)), None)
        if at is None:
            return request
        first, *opening = turns[:at]
        texts = [_text_of(turns[at])]
        if opening and (before := _text_of(opening[0])):
            texts.insert(0, before)
            del opening[0]
        instructions = replace(turns[at], content=in_order(SEPARATOR.join(texts)))
        return replace(request, messages=(instructions, *_reminders_first(first, opening), *turns[at + 1 :]))


def goes_on_from_summary(request: MessagesRequest) -> bool:
    """Return whether a conversation begins with the summary of an earlier one."""
    opening = takewhile(lambda turn: turn.role != "assistant", request.messages)
    blocks = (block for turn in opening for block in blocks_of(turn.content))
    return any(isinstance(block, TextBlock) and block.text.startswith(SUMMARY_START) for block in blocks)


def in_order(text: str) -> str:
    """Return the text of a `system` message with its sections in the order of a conversation's first one."""
    starts = (found.start() for found in SECTION.finditer(text))
    inner = [start for start in starts if text.endswith(SEPARATOR, 0, start)]
    sections = [text[start : end - len(SEPARATOR)] for start, end in pairwise((0, *inner, len(text) + len(SEPARATOR)))]
    return SEPARATOR.join(sorted(sections, key=_place))


def _place(section: str) -> int:
    places = (place for place, opening in enumerate(OPENINGS) if opening and section.startswith(opening))
    return next(places, OPENINGS.index(""))


def _text_of(turn: Turn) -> str:
    """Return the text of a `system` message; nothing for another turn, or one of several parts."""
    blocks = blocks_of(turn.content) if turn.role == "system" else ()
    match blocks:
        case (TextBlock() as block,):
            return block.text
        case _:
            return ""


def _has_environment(turn: Turn) -> bool:
    text = _text_of(turn)
    return text.startswith(ENVIRONMENT) or f"{SEPARATOR}{ENVIRONMENT}" in text


def _reminders_first(first: Turn, opening: Sequence[Turn]) -> tuple[Turn, ...]:
    """Return the turns with the reminders that begin with CLAUDE.md at the beginning of the first one."""
    for at, turn in enumerate(opening):
        blocks = blocks_of(turn.content) if turn.role == "user" else ()
        start = next((start for start, block in enumerate(blocks) if _begins_with(block, MEMORY)), len(blocks))
        reminders = tuple(takewhile(lambda block: _begins_with(block, REMINDER_START), blocks[start:]))
        others = (*blocks[:start], *blocks[start + len(reminders) :])
        if reminders and others:
            beginning = replace(first, content=(*reminders, *blocks_of(first.content)))
            return (beginning, *opening[:at], replace(turn, content=others), *opening[at + 1 :])
    return (first, *opening)


def _begins_with(block: ContentBlock, words: str) -> bool:
    return isinstance(block, TextBlock) and block.text.startswith(words)
