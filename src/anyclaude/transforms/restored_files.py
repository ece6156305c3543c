"""
The files that the client attaches to a conversation it has just compacted, as far as a small window has room for them.

Claude Code repeats after the summary up to five files that it has read, each with up to 5,000 tokens, whatever the
window.  In one of 32,768 tokens they fill more than what a conversation may have; the client then compacts in every
turn, and gives up at the third time ("Autocompact is thrashing").  Files that the user attaches stay.
"""

from itertools import takewhile

from msgspec.structs import replace

from anyclaude.bounds import ASSUMED_CONTEXT_TOKENS
from anyclaude.claude_code import REMINDER_END, REMINDER_START, SUMMARY_START
from anyclaude.protocol.content import ContentBlock, TextBlock, blocks_of
from anyclaude.protocol.identity_cache import IdentityCache
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.protocol.prompt_size import CHARACTERS_PER_TOKEN

from .base import PromptContext

RESULT = f"{REMINDER_START}\nResult of calling the Read tool:\n"
"""Begins the text of a file in a reminder (2.1.112 and 2.1.330); the reminder before it has the file's name."""

LEFT_OUT = (
    f"{RESULT}[Left out, because the context window is small. To see the file, call Read with a limit, such as 2000.]\n"
    f"{REMINDER_END}\n"
)
"""With a limit, because the client answers the very call that it has repeated with "file unchanged" and no text."""

SHARE = 8
"""An eighth of the window: five files of 5,000 tokens are that share of 200,000, for which the client is made."""


class RestoredFiles:
    """Leaves out what is beyond the share of the window; with the diet `full` nothing."""

    name = "restored files"

    def __init__(self) -> None:
        self._with_less = IdentityCache(_with_less)

    def __call__(self, request: MessagesRequest, context: PromptContext, /) -> MessagesRequest:
        """Return the request with a sentence in place of each file that has no room."""
        if context.diet == "full" or not _goes_on_from_summary(request):
            return request
        room = round((context.context_tokens or ASSUMED_CONTEXT_TOKENS) * CHARACTERS_PER_TOKEN / SHARE)
        turns = tuple(self._with_less(turn, room) if turn.role == "user" else turn for turn in request.messages)
        return request if turns == request.messages else replace(request, messages=turns)


def _goes_on_from_summary(request: MessagesRequest) -> bool:
    opening = takewhile(lambda turn: turn.role != "assistant", request.messages)
    blocks = (block for turn in opening for block in blocks_of(turn.content))
    return any(isinstance(block, TextBlock) and block.text.startswith(SUMMARY_START) for block in blocks)


def _with_less(turn: Turn, room: int) -> Turn:
    """Return the turn with the first of its files, unless the user has written in it: they may be the user's then."""
    blocks = blocks_of(turn.content)
    own = (REMINDER_START, SUMMARY_START)
    if any(isinstance(block, TextBlock) and not block.text.lstrip().startswith(own) for block in blocks):
        return turn
    kept: list[ContentBlock] = []
    for block in blocks:
        if isinstance(block, TextBlock) and block.text.startswith(RESULT) and len(block.text) > len(LEFT_OUT):
            if len(block.text) > room:
                kept.append(replace(block, text=LEFT_OUT))
                continue
            room -= len(block.text)
        kept.append(block)
    return turn if tuple(kept) == tuple(blocks) else replace(turn, content=tuple(kept))
