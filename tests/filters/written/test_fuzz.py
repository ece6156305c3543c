"""Damaged replies of the corpus: nothing fails, splits do not matter, and nothing runs that was not offered."""

import random
from itertools import pairwise

import pytest
from tests.parts.played_replies import joined, situation_of, written
from tests.parts.written_replies import WrittenReply, written_replies

from anyclaude.protocol.deltas import ToolCallDelta

REPLIES = written_replies()
ROUNDS = 2_500
"""Damaged replies of each seed."""
SEEDS = range(20)


def damaged(text: str, other: str, chance: random.Random) -> str:
    """Return a text of which a part is missing, stands twice, stands elsewhere, or is replaced by another reply's."""
    start, end = sorted((chance.randint(0, len(text)), chance.randint(0, len(text))))
    before, part, after = text[:start], text[start:end], text[end:]
    match chance.randrange(6):
        case 0:
            return before + after
        case 1:
            return before + part + part + after
        case 2:
            return after + part + before
        case 3:
            return before
        case 4:
            return before + other[chance.randint(0, len(other)) :]
        case _:
            return before + chance.choice("<>[]{}()\"'`\\\n|:,=/ ") + text[start + 1 :]


def pieces_of(text: str, chance: random.Random) -> list[str]:
    """Return the text in up to eight pieces."""
    cuts = sorted(chance.randint(0, len(text)) for _ in range(chance.randint(1, 7)))
    return [text[start:end] for start, end in pairwise((0, *cuts, len(text)))]


def check(reply: WrittenReply, text: str, chance: random.Random) -> None:
    """Check what the damaged text of a reply comes to."""
    situation = situation_of(reply)
    offered = {tool.name for tool in reply.tools}

    whole = joined(situation.played([text]))

    assert joined(situation.played(pieces_of(text, chance))) == whole
    assert {delta.name for delta in whole if isinstance(delta, ToolCallDelta)} <= offered
    left = iter(text)
    assert all(character in left for character in written(whole))


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_a_damaged_reply_is_read_whatever_its_damage(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(ROUNDS):
        reply, other = chance.choice(REPLIES), chance.choice(REPLIES)
        text = reply.reply
        for _ in range(chance.randint(1, 3)):
            text = damaged(text, other.reply, chance)

        check(reply, text, chance)
