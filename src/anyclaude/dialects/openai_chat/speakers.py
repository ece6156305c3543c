"""Who speaks in a turn: clients put into one what servers take from two."""

from collections.abc import Iterator
from itertools import groupby

from anyclaude.protocol.content import ContentBlock, ToolResultBlock, ToolUseBlock, blocks_of
from anyclaude.protocol.messages_request import Turn


def is_prefill(turn: Turn) -> bool:
    """Return whether a last turn is a reply that has begun; one that calls a tool was whole."""
    return turn.role == "assistant" and all(
        not isinstance(block, ToolUseBlock | ToolResultBlock) for block in blocks_of(turn.content)
    )


def by_speaker(turn: Turn) -> Iterator[tuple[str, tuple[ContentBlock, ...]]]:
    """Yield a turn in pieces: only the assistant calls tools, and only the user has their results."""
    blocks = blocks_of(turn.content)
    if not blocks or turn.role in {"system", "developer"}:
        yield turn.role, blocks
        return
    for role, piece in groupby(blocks, lambda block: _speaker(block, turn.role)):
        yield role, tuple(piece)


def _speaker(block: ContentBlock, role: str) -> str:
    """Return the role that a block belongs to, in a turn of this role."""
    match block:
        case ToolUseBlock():
            return "assistant"
        case ToolResultBlock() if role == "assistant":
            return "user"
        case _:
            return role
