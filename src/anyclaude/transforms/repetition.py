"""
How often a conversation repeats the same tool calls with the same results at its end.

Small models get into loops: they read one missing file 27 times, or alternate between two calls.  A round is the calls
of one assistant turn together with their results.  A cycle is one to three rounds; it repeats if the rounds before it
are the same.  Known rounds in a row, each of which occurred before, count like cycles of the longest kind:
Qwen2.5-Coder-1.5B wrote the same file and ran its test twelve times, but not in turn.

Rounds are compared by tool, input and result, never by id or by the text around the calls.  So a build that is asked
for again and again is no loop as long as its output grows.

Rounds are counted from the last words of the user, or the last reply without a call: what the user says is new to the
model, whatever came before.  Only the messages of the request are read, nothing is remembered between requests.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from anyclaude.claude_code import REMINDER_END, REMINDER_START
from anyclaude.protocol.content import (
    NOTHING,
    ContentBlock,
    DocumentBlock,
    ImageBlock,
    TextBlock,
    ToolResultBlock,
    ToolUseBlock,
    UnknownBlock,
    blocks_of,
    encode_block,
)
from anyclaude.protocol.identity_cache import IdentityFacts
from anyclaude.protocol.json_values import canonical_json
from anyclaude.protocol.messages_request import Turn

LONGEST_CYCLE = 3
"""Rounds.  A longer cycle is more often work, such as edit, build, test and read for each of several files."""

VOLATILE = ((REMINDER_START, REMINDER_END), ("<total_tokens>", "</total_tokens>"))
"""The beginnings and ends of what the client adds to results and users' words: it may differ although nothing has
changed.  It adds the number of tokens left where it takes the model for an older one."""

DIGEST_BYTES = 16


class Repetition(Struct, frozen=True):
    """The calls of the cycle with which a conversation ends, and how often in a row they were made."""

    rounds: int
    calls: tuple[ToolUseBlock, ...]
    known_rounds: int = 0
    """If it is no cycle: how many rounds in a row occurred before.  `rounds` is then as if three of them were one."""


class TurnFacts(Struct, frozen=True):
    """What counts of one turn: its calls with a digest of each, digests of its results by id, and whether it speaks."""

    calls: tuple[tuple[ToolUseBlock, bytes], ...]
    results: Mapping[str, bytes]
    has_words: bool
    """Whether it has content besides calls, results, reasoning, and what the client adds."""


RoundKey: TypeAlias = tuple[tuple[bytes, bytes], ...]
"""Digests of a round's calls and of their results."""


_Round: TypeAlias = tuple[RoundKey | None, tuple[ToolUseBlock, ...]]


class RepetitionFinder:
    """Finds repetitions in linear time; what it reads from a turn is cached, because requests repeat their turns."""

    def __init__(self) -> None:
        self._facts = IdentityFacts(_facts)

    def repetitions(self, messages: Iterable[Turn]) -> Iterator[tuple[int, Repetition | None]]:
        """Yield the position of each turn of user and assistant, and the repetition that its results complete."""
        rounds = Rounds()
        open_calls: TurnFacts | None = None
        for position, turn in enumerate(messages):
            if turn.role not in {"user", "assistant"}:
                continue
            facts = self._facts(turn)
            yield position, rounds.add(open_calls, facts) if open_calls and facts.results else None
            open_calls = facts if facts.calls else None
            if facts.has_words and not facts.calls:
                rounds = Rounds()

    def at_end(self, messages: Sequence[Turn]) -> Repetition | None:
        """Return the repetition at the end of a conversation, `None` if it does not end with results alone."""
        for position, repetition in deque(self.repetitions(messages), maxlen=1):
            return None if self._facts(messages[position]).has_words else repetition
        return None


class Rounds:
    """
    The latest rounds, and how many in a row are equal to the one a cycle before them, for each length of a cycle.

    Also the keys of all rounds: a round that has occurred before adds nothing.
    """

    def __init__(self) -> None:
        self._latest: deque[_Round] = deque(maxlen=LONGEST_CYCLE)
        self._equal = [0] * LONGEST_CYCLE
        self._seen: set[RoundKey] = set()
        self._known = 0  # rounds in a row that occurred before

    def add(self, called: TurnFacts, answered: TurnFacts) -> Repetition:
        """Add a round, and return the repetition that it completes; of several cycles, the one repeated most often."""
        key = _key(called, answered)
        for length in range(1, LONGEST_CYCLE + 1):
            is_equal = key is not None and len(self._latest) >= length and self._latest[-length][0] == key
            self._equal[length - 1] = self._equal[length - 1] + 1 if is_equal else 0
        self._latest.append((key, tuple(block for block, _ in called.calls)))
        self._known = self._known + 1 if key is not None and key in self._seen else 0
        if key is not None:
            self._seen.add(key)
        repeats, shorter = max((equal // length, -length) for length, equal in enumerate(self._equal, 1))
        if self._known // LONGEST_CYCLE > repeats:
            return Repetition(self._known // LONGEST_CYCLE + 1, self._calls_of(self._distinct()), self._known)
        return Repetition(repeats + 1, self._calls_of(list(self._latest)[shorter:]))

    def _distinct(self) -> list[_Round]:
        """Return the latest rounds, each once."""
        return list(dict(self._latest).items())

    @staticmethod
    def _calls_of(rounds: Iterable[_Round]) -> tuple[ToolUseBlock, ...]:
        return tuple(block for _, blocks in rounds for block in blocks)


def _key(called: TurnFacts, answered: TurnFacts) -> RoundKey | None:
    """Return what must be equal in equal rounds, `None` if a result is missing, which could have been another one."""
    results = answered.results
    if any(block.id not in results for block, _ in called.calls):
        return None
    return tuple((digest, results[block.id]) for block, digest in called.calls)


def _facts(turn: Turn) -> TurnFacts:
    blocks = blocks_of(turn.content)
    return TurnFacts(
        calls=tuple((block, _call_digest(block)) for block in blocks if isinstance(block, ToolUseBlock)),
        results={block.tool_use_id: _result_digest(block) for block in blocks if isinstance(block, ToolResultBlock)},
        has_words=any(map(_is_words, blocks)),
    )


def _is_words(block: ContentBlock) -> bool:
    match block:
        case TextBlock(text):
            return bool(without_volatile(text).strip())
        case ImageBlock() | DocumentBlock():
            return True
        case _:
            return False


def _call_digest(block: ToolUseBlock) -> bytes:
    return _digest([block.name.encode(errors="surrogatepass"), canonical_json(block.input)])


def _result_digest(result: ToolResultBlock) -> bytes:
    parts = map(_constant_part, blocks_of(result.content or ()))
    return _digest([b"error" if result.is_error else b"", *filter(None, parts)])


def _constant_part(block: ContentBlock) -> bytes:
    """Return what counts of a part of a result: without cache breakpoints, which move from turn to turn."""
    match block:
        case TextBlock(text):
            return without_volatile(text).strip().encode(errors="surrogatepass")
        case UnknownBlock(_, raw):
            return canonical_json({name: value for name, value in raw.items() if name != "cache_control"})
        case _:
            return canonical_json(encode_block(replace(block, extra=NOTHING)))


def _digest(parts: Iterable[bytes]) -> bytes:
    digest = blake2b(digest_size=DIGEST_BYTES)
    for part in parts:
        digest.update(b"%d:" % len(part))
        digest.update(part)
    return digest.digest()


def without_volatile(text: str) -> str:
    """Return a text without what the client adds to it; a beginning without an end is part of the text."""
    for start, end in VOLATILE:
        if start in text:
            text = "".join(_outside(text, start, end))
    return text


def _outside(text: str, start: str, end: str) -> Iterator[str]:
    """Yield what is not between `start` and `end`, in linear time."""
    position = 0
    while (begins := text.find(start, position)) >= 0 and (ends := text.find(end, begins)) >= 0:
        yield text[position:begins]
        position = ends + len(end)
    yield text[position:]
