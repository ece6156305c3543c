"""
The results of the calls of one reply, as far as the window can hold them together.

The client limits each result by itself, but a reply may have any number of calls.  Eight results that are each as long
as allowed are longer than a small window; then no compaction helps, because the client never leaves out the results
that the model has not read yet, and the session ends ("Prompt is too long").  It also ends when the window was full
again within three turns of a compaction, three times in a row ("Autocompact is thrashing").
"""

from collections.abc import Sequence

from msgspec.structs import replace

from anyclaude.bounds import ASSUMED_CONTEXT_TOKENS
from anyclaude.protocol.content import ContentBlock, TextBlock, ToolResultBlock, blocks_of
from anyclaude.protocol.identity_cache import IdentityCache, IdentityFacts
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.protocol.prompt_size import CHARACTERS_PER_TOKEN
from anyclaude.protocol.prompt_weight import DIGIT_WEIGHT, PromptWeight, text_weight, turn_weight

from .base import PromptContext

SHARES = (4, 8)
"""A quarter of the window while half of it is free, else an eighth: so three turns fit after a compaction, beside the
instructions, a summary, the files of `restored_files`, and a reply.  What is free before a turn never changes later."""

SMALL_WINDOW_TOKENS = 24_576
SHARES_OF_SMALL_WINDOW = (6, 12)
"""In a small window, a sixth and a twelfth: what the client adds of its own is a larger part of it."""

LEFT_OUT = (
    "\n[Left out here: the results of these calls are together too long for the context window. "
    "Call again for the part that you need, with fewer calls at once.]\n"
)
"""Stands for the middle of a result; in no other way is a turn changed, so one that contains it is left as it is."""

TAIL = 4
"""A quarter of what is kept is the end, where commands report how they ended."""


class RoundResults:
    """Leaves out the middles of the longest results of a turn that has more than its share; with diet `full` none."""

    name = "results of one reply"

    def __init__(self) -> None:
        self._with_less = IdentityCache(_with_less)
        self._weight = PromptWeight()
        self._turn_weight = IdentityFacts(turn_weight)

    def __call__(self, request: MessagesRequest, context: PromptContext, /) -> MessagesRequest:
        """Return the request with shorter results where those of one turn fill the window."""
        if context.diet == "full":
            return request
        tokens = context.context_tokens or ASSUMED_CONTEXT_TOKENS
        window, shares = round(tokens * CHARACTERS_PER_TOKEN), _shares(tokens)
        used, turns = self._weight.of_beginning(request), list(request.messages[:1])
        for turn in request.messages[1:]:
            share = shares[0] if used * 2 < window else shares[1]
            turns.append(self._with_less(turn, window // share) if turn.role == "user" else turn)
            used += self._turn_weight(turns[-1])
        return request if tuple(turns) == request.messages else replace(request, messages=tuple(turns))


def _shares(context_tokens: int) -> tuple[int, int]:
    return SHARES_OF_SMALL_WINDOW if context_tokens < SMALL_WINDOW_TOKENS else SHARES


def _with_less(turn: Turn, room: int) -> Turn:
    """Return the turn with results that weigh no more than `room`, in the units of `protocol.prompt_weight`."""
    blocks = blocks_of(turn.content)
    texts = [text for block in blocks if isinstance(block, ToolResultBlock) for text in _texts(block)]
    if sum(map(len, texts)) * DIGIT_WEIGHT <= room or any(LEFT_OUT in text for text in texts):
        return turn
    weights = [text_weight(text) for text in texts]
    if sum(weights) <= room:
        return turn
    most = _most_each(weights, room)
    return replace(turn, content=tuple(_shorter_result(block, most) for block in blocks))


def _most_each(weights: Sequence[int], room: int) -> int:
    """Return the weight at which all that are heavier are cut, so that the sum is `room`: short results stay whole."""
    left = room
    for place, weight in enumerate(ascending := sorted(weights)):
        share = left // (len(ascending) - place)
        if weight > share:
            return share
        left -= weight
    return room


def _shorter_result(block: ContentBlock, most: int) -> ContentBlock:
    match block:
        case ToolResultBlock(content=str(text)):
            return replace(block, content=_shorter(text, most))
        case ToolResultBlock(content=tuple(parts)):
            return replace(block, content=tuple(_shorter_part(part, most) for part in parts))
        case _:
            return block


def _shorter_part(part: ContentBlock, most: int) -> ContentBlock:
    return replace(part, text=_shorter(part.text, most)) if isinstance(part, TextBlock) else part


def _shorter(text: str, most: int) -> str:
    """Return the beginning and the end of a text, which weigh as much as is allowed if it is as dense throughout."""
    weight = text_weight(text)
    if weight <= most or len(text) <= len(LEFT_OUT):
        return text
    kept = max(most - len(LEFT_OUT), 0) * len(text) // weight
    tail = kept // TAIL
    return f"{text[: kept - tail]}{LEFT_OUT}{text[len(text) - tail :]}"


def _texts(block: ToolResultBlock) -> Sequence[str]:
    match block.content:
        case None:
            return ()
        case str(text):
            return (text,)
        case parts:
            return tuple(part.text for part in parts if isinstance(part, TextBlock))
