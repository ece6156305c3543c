"""
A reply's text as it arrives, read by generators that wait where it ends for now.

A reader is written as if the whole text were there: `yield from` a method of `Source` returns what was read.  Where
the text does not yet decide, the generator yields, and is resumed when more has arrived.  What a reader returns
therefore does not depend on how the text was divided, and no text is read twice because it came in pieces.
"""

import re
from bisect import bisect_right
from collections.abc import Generator, Iterable
from functools import cached_property, lru_cache
from typing import TypeAlias, TypeVar

T = TypeVar("T")

Reading: TypeAlias = Generator[None, None, T]
"""A reader: yields where it needs more text, and returns what it has read."""

MAX_SPACE = 128
"""The longest white space that is waited through: some models write newlines to the limit of tokens after a call."""

REREAD_FACTOR = 8
"""How often on average a character may be read again because what seemed a call, or its end, was none."""

MAX_ALTERNATIVES = 256
"""A pattern tries its alternatives one by one; of more, such as the parameters of a tool, the one is looked up."""

MAX_LOOKAHEAD = 400
"""The characters that may be read again at the beginning of a reply."""

SPACE = re.compile(r"\s*")
BLANKS = re.compile(r"[ \t]*")


class Literals:
    """A set of texts that are looked for at once, none of which begins another."""

    def __init__(self, literals: Iterable[str]) -> None:
        self.all = tuple(literals)
        self._sorted = sorted(self.all)
        self.longest = max(map(len, self.all))
        self.second_characters = "".join(sorted({re.escape(literal[1]) for literal in self.all if len(literal) > 1}))
        """For the class of a pattern: what may follow the first character."""

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The pattern of any of them."""
        return re.compile("|".join(map(re.escape, self.all)))

    def at(self, text: str, place: int) -> str:
        """Return the one of them that stands at a place of a text, "" if none does."""
        if len(self.all) <= MAX_ALTERNATIVES:
            match = self.pattern.match(text, place)
            return "" if match is None else match[0]
        ahead = text[place : place + self.longest]
        found = self._sorted[max(bisect_right(self._sorted, ahead) - 1, 0)]
        return found if ahead.startswith(found) else ""

    def begins(self, text: str) -> bool:
        """Return whether one of them begins with a text, and is longer."""
        place = bisect_right(self._sorted, text)
        return place < len(self._sorted) and self._sorted[place].startswith(text)

    def ends(self, text: str) -> bool:
        """Return whether a text ends with one of them."""
        return text.endswith(self.all)


@lru_cache(maxsize=1_024)  # the names of a tool's parameters are among them
def _literals(*literals: str) -> Literals:
    return Literals(filter(None, literals))


class Source:
    """The text that is not read yet, and from a mark on also the text that is."""

    def __init__(self, text: str = "", *, is_ended: bool = False) -> None:
        self._chunk = text
        self._at = 0
        self._since_mark: list[str] | None = None
        self._marked_at = 0
        self._consumed = 0
        self.is_ended = is_ended
        """Whether no more text will arrive."""
        self.was_cut = False
        """Whether the reply ended before the model had ended it."""
        self.ended_in_space = False
        """Whether the text was ended because of white space that did not end: what is incomplete then stays text."""
        self._read_again = 0
        self.left_over = ""
        """What follows if the text ended in white space that did not end."""

    @property
    def is_empty(self) -> bool:
        """Whether all text that has arrived is read."""
        return self._at == len(self._chunk)

    @property
    def position(self) -> int:
        """The number of characters read."""
        return self._consumed + self._at

    @property
    def is_worn(self) -> bool:
        """Whether so much was read again that nothing is to be looked for that may have to be read again."""
        return self._read_again > REREAD_FACTOR * (self.position + MAX_LOOKAHEAD)

    def add(self, text: str) -> None:
        """Add text that has arrived."""
        self._keep_read()
        self._chunk = self._chunk[self._at :] + text
        self._consumed += self._at
        self._at = self._marked_at = 0

    def end(self, *, was_cut: bool) -> None:
        """State that no more text will arrive."""
        self.is_ended, self.was_cut = True, was_cut

    def mark(self) -> None:
        """Remember this place, to read from it again or to know what was read since."""
        self._since_mark, self._marked_at = [], self._at

    def since_mark(self) -> str:
        """Return the text read since the mark."""
        self._keep_read()
        self._marked_at = self._at
        text = "".join(self._since_mark or ())
        self._since_mark = [text]
        return text

    def rewind(self, keep: int = 0) -> None:
        """Read again from the mark, or from `keep` characters after it."""
        if self._since_mark == []:  # all of it is in this chunk, which may be long and is not copied
            begin = min(self._marked_at + keep, self._at)
            self._read_again += self._at - begin
            self._at = begin
        else:
            again = self.since_mark()[keep:]
            self._read_again += len(again)
            self._consumed += self._at - len(again)
            self._chunk = again + self._chunk[self._at :]
            self._at = 0
        self._since_mark = None

    def unread(self, text: str) -> None:
        """Take back `text`, which was read last since the mark."""
        self._read_again += len(text)
        if len(text) <= self._at - self._marked_at:
            self._at -= len(text)
            return
        self._keep_read()
        surplus = len(text)
        while self._since_mark and surplus:
            last = self._since_mark.pop()
            if len(last) > surplus:
                self._since_mark.append(last[: len(last) - surplus])
            surplus -= min(surplus, len(last))
        self._consumed += self._at - len(text)
        self._chunk = text + self._chunk[self._at :]
        self._at = self._marked_at = 0

    def return_to(self, position: int) -> None:
        """Read again from `position`, which must not lie before the mark."""
        characters = self.position - position
        if characters <= self._at - self._marked_at:  # all of it is in this chunk, which may be long and is not copied
            self._read_again += characters
            self._at -= characters
        else:
            self.unread(self.since_mark()[-characters:])

    def release(self) -> str:
        """Return the text read since the mark, and forget the mark."""
        text = self.since_mark()
        self._since_mark = None
        return text

    def peek(self) -> Reading[str]:
        """Return the next character without reading it, "" at the end."""
        while self.is_empty and not self.is_ended:
            yield
        return self._chunk[self._at : self._at + 1]

    def has(self, literal: str) -> Reading[bool]:
        """Return whether the text goes on with `literal`, without reading it."""
        while True:
            available = self._chunk[self._at : self._at + len(literal)]
            if available == literal:
                return True
            if self.is_ended or not literal.startswith(available):
                return False
            yield

    def has_one_of(self, literals: Literals | tuple[str, ...]) -> Reading[str]:
        """Return the one of `literals` that the text goes on with, without reading it; "" if none does."""
        known = literals if isinstance(literals, Literals) else _literals(*literals)
        while True:
            found = known.at(self._chunk, self._at)
            if found:
                return found
            left = len(self._chunk) - self._at
            if self.is_ended or left >= known.longest or not known.begins(self._chunk[self._at :]):
                return ""
            yield

    def is_rest_of(self, literals: Literals) -> bool:
        """Return whether the reply ended inside one of `literals`."""
        rest = self._chunk[self._at :]
        return self.is_ended and bool(rest) and literals.begins(rest)

    def skip(self, literal: str) -> Reading[bool]:
        """Read `literal` if the text goes on with it, and return whether it does."""
        if (yield from self.has(literal)):
            self.advance(len(literal))
            return True
        return False

    def advance(self, characters: int) -> str:
        """Read that many characters, all of which have arrived."""
        start = self._at
        self._at = min(start + characters, len(self._chunk))
        return self._chunk[start : self._at]

    def available(self, pattern: re.Pattern[str]) -> str:
        """Read what `pattern` matches of the text that has arrived."""
        match = pattern.match(self._chunk, self._at)
        if match is None:
            return ""
        self._at = match.end()
        return match[0]

    def run(self, pattern: re.Pattern[str]) -> Reading[str]:
        """
        Read the longest run of what `pattern` matches, such as white space; it must match any part of such a run.

        White space of `MAX_SPACE` characters ends the text: what was read is decided, and the rest is `left_over`.
        """
        run = ""
        while True:
            run += self.available(pattern)
            if len(run) >= MAX_SPACE and not self.is_ended and run[:MAX_SPACE].isspace():
                self._end_in(len(run) - MAX_SPACE)
                return run[:MAX_SPACE]
            if not self.is_empty or self.is_ended:
                return run
            yield

    def _end_in(self, surplus: int) -> None:
        """End the text `surplus` characters before the place up to which it is read."""
        self._at -= surplus
        self.left_over, self._chunk = self._chunk[self._at :], self._chunk[: self._at]
        self.is_ended = self.ended_in_space = True

    def until(self, *literals: str) -> Reading[tuple[str, str]]:
        """
        Read up to the first of `literals` and that literal, and return both: the text before it, and which it was.

        At the end of the reply without any of them, the literal is "".
        """
        known = _literals(*literals)
        pattern, keep = known.pattern, known.longest - 1
        pieces: list[str] = []
        while True:
            match = pattern.search(self._chunk, self._at)
            if match is not None:
                pieces.append(self._chunk[self._at : match.start()])
                self._at = match.end()
                return "".join(pieces), match[0]
            safe = len(self._chunk) if self.is_ended else max(len(self._chunk) - keep, self._at)
            pieces.append(self._chunk[self._at : safe])
            self._at = safe
            if self.is_ended:
                return "".join(pieces), ""
            yield

    def _keep_read(self) -> None:
        if self._since_mark is not None and self._at > self._marked_at:
            self._since_mark.append(self._chunk[self._marked_at : self._at])
