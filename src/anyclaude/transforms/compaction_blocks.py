"""
A conversation that Anthropic's servers have compacted goes on from their summary (docs: "Compaction").

The summary is a `compaction` block, which the client returns in its place; the last one stands for everything in the
messages before it.  One without text is a compaction that failed, and stands for nothing.
"""

from msgspec.structs import replace

from anyclaude.protocol.content import ContentBlock, TextBlock, UnknownBlock, blocks_of
from anyclaude.protocol.identity_cache import IdentityFacts
from anyclaude.protocol.messages_request import MessagesRequest, Turn

from .base import PromptContext

SUMMARY = "Summary of the conversation so far, of which the messages are no longer there:\n\n{text}"


class CompactionBlocks:
    """Begins a conversation with the summary in its last `compaction` block, as the user's words."""

    name = "compaction blocks"

    def __init__(self) -> None:
        self._from_summary = IdentityFacts(_from_summary)
        self._without_failed = IdentityFacts(_without_failed)

    def __call__(self, request: MessagesRequest, context: PromptContext, /) -> MessagesRequest:
        """Return the request from the summary on; a later turn finds the same summary, unless there is a new one."""
        turns = request.messages
        compacted = [at for at, turn in enumerate(turns) if _is_compacted(turn)]
        if not compacted:
            return request
        summary = next((at for at in reversed(compacted) if any(map(_summary_of, blocks_of(turns[at].content)))), None)
        begun = () if summary is None else self._from_summary(turns[summary])
        later = turns if summary is None else turns[summary + 1 :]
        kept = (self._without_failed(turn) if _is_compacted(turn) else (turn,) for turn in later)
        return replace(request, messages=(*begun, *(turn for turns in kept for turn in turns)) or turns)


def _is_compacted(turn: Turn) -> bool:
    return not isinstance(turn.content, str) and any(map(_is_compaction, turn.content))


def _is_compaction(block: ContentBlock) -> bool:
    return isinstance(block, UnknownBlock) and block.type == "compaction"


def _summary_of(block: ContentBlock) -> str:
    match block:
        case UnknownBlock("compaction", {"content": str(text)}):
            return text
        case _:
            return ""


def _from_summary(turn: Turn) -> tuple[Turn, ...]:
    blocks = blocks_of(turn.content)
    at = max(at for at, block in enumerate(blocks) if _summary_of(block))
    summary = Turn("user", (TextBlock(SUMMARY.format(text=_summary_of(blocks[at]))),))
    return summary, *_with_blocks(turn, blocks[at + 1 :])


def _without_failed(turn: Turn) -> tuple[Turn, ...]:
    return _with_blocks(turn, blocks_of(turn.content))


def _with_blocks(turn: Turn, blocks: tuple[ContentBlock, ...]) -> tuple[Turn, ...]:
    """Return a turn with these blocks but those of failed compactions; no turn if none is left."""
    kept = tuple(block for block in blocks if not _is_compaction(block))
    return (replace(turn, content=kept),) if kept else ()
