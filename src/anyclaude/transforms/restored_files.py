"""
The files that the client attaches to a conversation it has just compacted, as far as they are worth their tokens.

Claude Code repeats after the summary up to five files that it has read, each with up to 5,000 tokens, whatever the
window.  In one of 32,768 tokens they fill more than what a conversation may have; the client then compacts in every
turn, and gives up at the third time ("Autocompact is thrashing").  In a larger one the user waits for all of them, and
the next steps may need none.  Files that the user attaches stay.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from anyclaude.bounds import ASSUMED_CONTEXT_TOKENS
from anyclaude.claude_code import REMINDER_END, REMINDER_START, SUMMARY_START
from anyclaude.protocol.content import ContentBlock, TextBlock, blocks_of
from anyclaude.protocol.identity_cache import IdentityCache, IdentityFacts
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.protocol.prompt_size import CHARACTERS_PER_TOKEN

from .base import PromptContext
from .compacted_opening import goes_on_from_summary

RESULT = f"{REMINDER_START}\nResult of calling the Read tool:\n"
"""Begins the text of a file in a reminder (2.1.112 and 2.1.330); the reminder before it has the file's name."""

LEFT_OUT = (
    f"{RESULT}[Left out, because it is long. To see the file, call Read with a limit, such as 2000.]\n{REMINDER_END}\n"
)
"""With a limit, because the client answers the very call that it has repeated with "file unchanged" and no text."""

SHARE = 8
"""An eighth of the window: five files of 5,000 tokens are that share of 200,000, for which the client is made."""

MAX_TOKENS, MAX_FILE_TOKENS = 2_000, 500
"""Of all files, and of each, in any window.  Where an engine evaluates eight times as fast as it generates, 500 tokens
take as long as the 60 of a call that reads the file, if it is needed."""

COMPACTED = "<command-name>/compact</command-name>"
"""Begins the record of the command in the user's next message; what stands before it came with the compaction."""


class RestoredFiles:
    """Leaves out what is beyond the share of the window or these bounds; with the diet `full` nothing."""

    name = "restored files"

    def __init__(self) -> None:
        self._with_less = IdentityCache(_with_less)
        self._characters = IdentityFacts(_restored_characters)

    def __call__(self, request: MessagesRequest, context: PromptContext, /) -> MessagesRequest:
        """Return the request with a sentence in place of each file that has no room."""
        if context.diet == "full" or not goes_on_from_summary(request):
            return request
        tokens = min((context.context_tokens or ASSUMED_CONTEXT_TOKENS) / SHARE, MAX_TOKENS)
        room = round(tokens * CHARACTERS_PER_TOKEN)
        turns: list[Turn] = []
        for turn in request.messages:
            turns.append(self._with_less(turn, room) if turn.role == "user" else turn)
            room -= self._characters(turns[-1])
        return request if tuple(turns) == request.messages else replace(request, messages=tuple(turns))


def _with_less(turn: Turn, room: int) -> Turn:
    """Return the turn with the first of its files."""
    blocks = blocks_of(turn.content)
    end = _clients_part(blocks)
    kept: list[ContentBlock] = []
    for block in blocks[:end]:
        if (size := _file_characters(block)) > min(room, MAX_FILE_TOKENS * CHARACTERS_PER_TOKEN):
            kept.append(TextBlock(LEFT_OUT))
        else:
            kept.append(block)
            room -= size
    return turn if tuple(kept) == tuple(blocks[:end]) else replace(turn, content=(*kept, *blocks[end:]))


def _restored_characters(turn: Turn) -> int:
    """Return the length of the client's files in a turn."""
    blocks = blocks_of(turn.content) if turn.role == "user" else ()
    return sum(map(_file_characters, blocks[: _clients_part(blocks)]))


def _clients_part(blocks: Sequence[ContentBlock]) -> int:
    """Return the number of blocks, from the first, whose files the user has not attached."""
    texts = [(at, block.text.lstrip()) for at, block in enumerate(blocks) if isinstance(block, TextBlock)]
    if all(text.startswith((REMINDER_START, SUMMARY_START)) for _, text in texts):
        return len(blocks)
    return next((at for at, text in texts if text.startswith(COMPACTED)), 0)


def _file_characters(block: ContentBlock) -> int:
    """Return the length of a file that can be left out, 0 for another block."""
    is_file = isinstance(block, TextBlock) and block.text.startswith(RESULT) and len(block.text) > len(LEFT_OUT)
    return len(block.text) if is_file and isinstance(block, TextBlock) else 0
