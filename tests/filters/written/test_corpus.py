"""Every reply of the corpus means what it is expected to mean, however it arrives, and no text of it is lost."""

import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

import pytest
from tests.parts.played_replies import joined, meant, situation_of, unwritten, written
from tests.parts.written_replies import Text, WrittenReply, written_replies

from anyclaude.filters.written import forms, harmony
from anyclaude.protocol.deltas import Delta, ToolCallDelta
from anyclaude.protocol.json_values import JsonObject
from anyclaude.tool_schemas import schema_checker

REPLIES = written_replies()
IDS = [reply.id for reply in REPLIES]
SOME = 4
"""How many splits of a reply the quick tests try; the slow one tries all."""

MARKS = (*forms.THOUGHT_TAGS, *forms.THOUGHT_TAGS.values(), "<think>", "</think>")
MESSAGE_MARKS = (
    *(mark for form in forms.MESSAGE_FORMS for mark in (*form.openings, *form.thought_ends)),
    *(f"{start}{role}" for start in harmony.STARTS for role in ("assistant", "analysis", "commentary", "final")),
    harmony.MESSAGE,
)
ANY_MARK = re.compile("|".join(map(re.escape, sorted((*MARKS, *MESSAGE_MARKS), key=len, reverse=True))))
"""What a reply may hold besides its text, its thoughts and its calls."""
BESIDE_THOUGHTS = re.compile("|".join(map(re.escape, (*forms.TURN_ENDS.all, "\u200b"))))
"""What may also be lost beside a thought."""

every_reply = pytest.mark.parametrize("reply", REPLIES, ids=IDS)


@pytest.fixture(autouse=True)
def schemas_are_checked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the validators of the tools: most of the time of a short reply is spent on checking their schemas."""
    made: dict[int, object] = {}
    make: Callable[[JsonObject], object] = schema_checker._validator_of

    def kept(schema: JsonObject) -> object:
        if id(schema) not in made:
            made[id(schema)] = make(schema)
        return made[id(schema)]

    monkeypatch.setattr(schema_checker, "_validator_of", kept)


def played(reply: WrittenReply, *pieces: str) -> list[Delta]:
    """Return the deltas of a reply that arrives in these pieces, the whole of it in one if there are none."""
    return situation_of(reply).played(pieces or (reply.reply,))


def some_cuts(reply: WrittenReply) -> Iterator[int]:
    """Return some of the places where a reply may be cut: beside brackets, and anywhere."""
    edges = [match.start() + shift for match in re.finditer(r"[<>\[\]{}`|\n]", reply.reply) for shift in (0, 1, 2)]
    chance = random.Random(reply.id)
    for places in (edges, range(len(reply.reply))):
        yield from chance.sample(places, min(len(places), SOME // 2))


def differing(splits: Callable[[WrittenReply], Iterable[Sequence[str]]]) -> dict[str, list[Sequence[str]]]:
    """Return the replies that come out otherwise if they arrive in some of these splits."""
    different: dict[str, list[Sequence[str]]] = {}
    for reply in REPLIES:
        whole = joined(played(reply))
        if failed := [pieces for pieces in splits(reply) if joined(played(reply, *pieces)) != whole]:
            different[reply.id] = failed[:1]
    return different


def is_mark(part: str) -> bool:
    """Return whether a part of a reply consists of marks."""
    return not BESIDE_THOUGHTS.sub("", ANY_MARK.sub("", part)).strip()


@every_reply
def test_a_reply_means_what_the_corpus_says(reply: WrittenReply) -> None:
    assert meant(played(reply)) == list(reply.expect)


def test_every_reply_means_the_same_character_by_character() -> None:
    assert differing(lambda reply: [reply.reply]) == {}


def test_every_reply_means_the_same_wherever_it_is_cut() -> None:
    assert differing(lambda reply: [[reply.reply[:at], reply.reply[at:]] for at in some_cuts(reply)]) == {}


@pytest.mark.slow
def test_every_reply_means_the_same_at_every_split() -> None:
    assert differing(lambda reply: ([reply.reply[:at], reply.reply[at:]] for at in range(1, len(reply.reply)))) == {}


@pytest.mark.parametrize("reply", [reply for reply in REPLIES if reply.is_look_alike], ids=lambda reply: reply.id)
def test_a_look_alike_comes_out_byte_for_byte(reply: WrittenReply) -> None:
    assert meant(played(reply)) == [Text(reply.reply)]


def test_nothing_of_a_reply_is_lost_but_the_marks_around_thoughts_and_messages() -> None:
    missing = {reply.id: unwritten(reply.reply, played(reply)) for reply in REPLIES}

    lost = {name: parts for name, parts in missing.items() if parts is None or not all(map(is_mark, parts))}
    assert lost == {}


def test_text_and_calls_of_a_reply_without_such_marks_are_the_reply_to_the_character() -> None:
    unmarked = [reply for reply in REPLIES if not ANY_MARK.search(reply.reply) and not reply.opens_thinking]
    changed = [reply.id for reply in unmarked if written(played(reply)) != reply.reply]

    assert len(unmarked) > len(REPLIES) / 2
    assert changed == []


def test_every_call_of_a_reply_has_a_slot_of_its_own() -> None:
    slots = {reply.id: Counter(slots_of(played(reply))) for reply in REPLIES}

    assert [name for name, times in slots.items() if times and max(times.values()) > 1] == []


def slots_of(deltas: Sequence[Delta]) -> list[int]:
    """Return the slots of the calls."""
    return [delta.slot for delta in deltas if isinstance(delta, ToolCallDelta) and delta.name]
