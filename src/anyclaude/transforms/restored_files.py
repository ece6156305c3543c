"""
The files that the client attaches to a conversation it has just compacted, as far as a small window has room for them.

Claude Code repeats after the summary up to five files that it has read, each with up to 5,000 tokens, whatever the
window.  In one of 32,768 tokens they fill more than what a conversation may have; the client then compacts in every
turn, and gives up at the third time ("Autocompact is thrashing").  Files that the user attaches stay.
"""

from collections.abc import Sequence
from itertools import takewhile

from msgspec.structs import replace

from anyclaude.bounds import ASSUMED_CONTEXT_TOKENS
from anyclaude.claude_code import REMINDER_END, REMINDER_START, SUMMARY_START
from anyclaude.protocol.content import ContentBlock, TextBlock, blocks_of
from anyclaude.protocol.identity_cache import IdentityCache, IdentityFacts
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
        self._characters = IdentityFacts(_restored_characters)

    def __call__(self, request: MessagesRequest, context: PromptContext, /) -> MessagesRequest:
        """Return the request with a sentence in place of each file that has no room."""
        if context.diet == "full" or not _goes_on_from_summary(request):
            return request
        room = round((context.context_tokens or ASSUMED_CONTEXT_TOKENS) * CHARACTERS_PER_TOKEN / SHARE)
        turns: list[Turn] = []
        for turn in request.messages:
            turns.append(self._with_less(turn, room) if turn.role == "user" else turn)
            room -= self._characters(turns[-1])
        return request if tuple(turns) == request.messages else replace(request, messages=tuple(turns))


def _goes_on_from_summary(request: MessagesRequest) -> bool:
    opening = takewhile(lambda turn: turn.role != "assistant", request.messages)
    blocks = (block for turn in opening for block in blocks_of(turn.content))
    return any(isinstance(block, TextBlock) and block.text.startswith(SUMMARY_START) for block in blocks)


def _with_less(turn: Turn, room: int) -> Turn:
    """Return the turn with the first of its files."""
    kept: list[ContentBlock] = []
    blocks = blocks_of(turn.content)
    for block in blocks if _is_the_clients(blocks) else ():
        if (size := _file_characters(block)) > room:
            kept.append(TextBlock(LEFT_OUT))
        else:
            kept.append(block)
            room -= size
    return turn if not kept or tuple(kept) == tuple(blocks) else replace(turn, content=tuple(kept))


def _restored_characters(turn: Turn) -> int:
    """Return the length of the files in a turn."""
    blocks = blocks_of(turn.content)
    return sum(map(_file_characters, blocks)) if turn.role == "user" and _is_the_clients(blocks) else 0


def _is_the_clients(blocks: Sequence[ContentBlock]) -> bool:
    """Return whether the user has written nothing in a turn; else its files may be the user's."""
    own = (REMINDER_START, SUMMARY_START)
    return all(not isinstance(block, TextBlock) or block.text.lstrip().startswith(own) for block in blocks)


def _file_characters(block: ContentBlock) -> int:
    """Return the length of a file that can be left out, 0 for another block."""
    is_file = isinstance(block, TextBlock) and block.text.startswith(RESULT) and len(block.text) > len(LEFT_OUT)
    return len(block.text) if is_file and isinstance(block, TextBlock) else 0
