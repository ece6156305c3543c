"""
Find where a value that is nearly JSON ends.

Models leave out a closing bracket or a quotation mark, and write Python's single quotes, or calls in Python.  So this
reader only follows brackets and strings; whether the text is JSON, and what it means, is decided once it is whole.
"""

import re
from functools import cache
from typing import Protocol

from msgspec import Struct

from .source import SPACE, Reading, Source

_BEFORE_STRING = frozenset("{[,:(=")
"""The characters after which a single quotation mark opens a string; elsewhere it is an apostrophe."""


_KEY = re.compile(r"[\w$.\-/:]*")
"""What the key of a call consists of, or the name of a tool in its place."""
_KEY_WITHOUT_QUOTES = re.compile(r"[\w$]*")


@cache
def _plain(quote: str, end_tag: str) -> re.Pattern[str]:
    """Return the pattern of text without a meaning, inside a string that `quote` opened, or outside of strings."""
    special = re.escape(f"{quote}\\" if quote else "\"'(){}[]") + ("" if quote else r"\s")
    return re.compile(f"[^{special}{re.escape(end_tag[:1])}]*")


class Span(Struct, frozen=True):
    """The text of a value, and how it ended."""

    text: str
    is_balanced: bool
    """Whether every bracket and string was closed; otherwise the end tag or the end of the reply came first."""
    is_in_string: bool = False
    """Whether it ended inside a string."""


class Watch(Protocol):
    """Receives the parts of a value as they arrive, down to the `depth` that matters, and may end the reading."""

    @property
    def depth(self) -> int:
        """The number of open brackets down to which members are reported."""

    @property
    def is_in_object(self) -> bool:
        """Whether members have keys here."""

    def opened(self, bracket: str, before: str) -> None:
        """Take note of a bracket after the character `before`."""

    def closed(self) -> None:
        """Take note of the bracket that closes the innermost object or list that is watched."""

    def begins(self, character: str) -> bool:
        """Take note of what an object begins with, and return whether that may be a key without quotation marks."""

    def key(self, key: str | None) -> None:
        """Take note of a key, `None` if it is not like any of a call."""

    def string_begins(self, first: str) -> re.Pattern[str] | None:
        """Take note of a string by its first character, and return what it must consist of if its text matters."""

    def string(self, text: str | None) -> None:
        """Take note of the text of a string that matters, `None` if it does not consist of what it must."""


def read_span(source: Source, end_tag: str = "", watch: Watch | None = None) -> Reading[Span]:
    """
    Read one value that begins with a bracket, at most up to `end_tag`, which is not read.

    An end tag inside a string belongs to the string, unless the value never ends: then the first of them ends it.
    """
    reader = _SpanReader(source, end_tag, watch)
    return (yield from reader.read())


class _SpanReader:
    """The state of reading one value."""

    def __init__(self, source: Source, end_tag: str, watch: Watch | None) -> None:
        self._source = source
        self._end_tag = end_tag
        self._watch = watch
        self._pieces: list[str] = []
        self._length = 0
        self._open = 0
        self._quote = ""
        self._last = ""
        self._tag_in_string: int | None = None

    def read(self) -> Reading[Span]:
        """Return the value."""
        while (character := (yield from self._plain())) != "":
            if character == self._end_tag[:1] and (yield from self._is_end_tag()):
                return Span(self._text, is_balanced=False)
            yield from self._special(character)
            if not self._open and not self._quote:
                return Span(self._text, is_balanced=True)
        if self._tag_in_string is None:
            return Span(self._text, is_balanced=False, is_in_string=bool(self._quote))
        return self._up_to_tag(self._tag_in_string)

    @property
    def _text(self) -> str:
        return "".join(self._pieces)

    def _plain(self) -> Reading[str]:
        """Read up to the next character that matters, and return it without reading it."""
        pattern = _plain(self._quote, self._end_tag)
        while True:
            self._take(self._source.available(pattern))
            if not self._source.is_empty or self._source.is_ended:
                return (yield from self._source.peek())
            yield

    def _special(self, character: str) -> Reading[None]:
        before = self._last
        if character.isspace() and not self._quote:
            self._take((yield from self._source.run(SPACE)))
            return
        self._take(self._source.advance(1))
        if self._quote:
            if character == "\\":
                yield from self._source.peek()
                self._take(self._source.advance(1))
            elif character == self._quote:
                self._quote = ""
        elif character == '"' or (character == "'" and before in _BEFORE_STRING):
            self._quote = character
            if self._watch is not None and self._watch.depth == self._open:
                yield from self._watch_string(self._watch, before)
        elif character in "({[)}]":
            yield from self._bracket(character, before)

    def _bracket(self, character: str, before: str) -> Reading[None]:
        watch = self._watch
        if character in "({[":
            self._open += 1
            if watch is not None and watch.depth == self._open - 1:
                yield from self._watch_bracket(watch, character, before)
        else:
            self._open -= 1
            if watch is not None and watch.depth > self._open:
                watch.closed()

    def _watch_bracket(self, watch: Watch, bracket: str, before: str) -> Reading[None]:
        """Tell of an opening bracket, and of the key after it if it has no quotation marks."""
        watch.opened(bracket, before)
        if watch.depth != self._open or not watch.is_in_object:
            return
        self._take((yield from self._source.run(SPACE)))
        if watch.begins((yield from self._source.peek())):
            key = yield from self._source.run(_KEY_WITHOUT_QUOTES)
            self._take(key + (yield from self._source.run(SPACE)))
            following = yield from self._source.peek()
            if following and following not in "\"'":  # before one, another is missing
                watch.key(key if following == ":" else None)

    def _watch_string(self, watch: Watch, before: str) -> Reading[None]:
        """Tell of a key or a value by its beginning; where a comma or a quotation mark is missing, it is neither."""
        is_key = watch.is_in_object and before in ("{", ",")
        if not is_key and before not in (":", ",", "["):
            return
        pattern = _KEY if is_key else watch.string_begins((yield from self._source.peek()))
        if pattern is None:
            return
        text = yield from self._source.run(pattern)
        self._take(text)
        following = yield from self._source.peek()
        if following and following != "\\":  # what is escaped is understood once it is whole
            tell = watch.key if is_key else watch.string
            tell(text if following == self._quote else None)

    def _take(self, text: str) -> None:
        if text:
            self._pieces.append(text)
            self._length += len(text)
            self._last = text.rstrip()[-1:] or self._last

    def _is_end_tag(self) -> Reading[bool]:
        """Return whether the end tag comes next and ends the value; one inside a string is remembered."""
        if not (yield from self._source.has(self._end_tag)):
            return False
        if self._quote and self._tag_in_string is None:
            self._tag_in_string = self._length
        return not self._quote

    def _up_to_tag(self, length: int) -> Span:
        """Return the value as ended by the tag inside a string, and read on from there."""
        text = self._text
        self._source.unread(text[length:])
        return Span(text[:length], is_balanced=False, is_in_string=True)
