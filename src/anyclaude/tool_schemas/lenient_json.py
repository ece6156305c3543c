"""
A reader of JSON with the slips of small models in it.

It accepts what has one reading only: single, triple or typographic quotes, keys without quotes, trailing commas,
Python's literals, comments, line breaks and control characters in strings, and closing brackets that are missing,
surplus or confused at the end.  It never completes a text that was cut: one that ends in a string or a number, or where
a value must follow.
"""

import re
from typing import NoReturn

from anyclaude.protocol.json_values import MAX_DEPTH, JsonError, JsonValue, decode_json

BLANK = re.compile(r"(?:\s++|//[^\n]*+|#[^\n]*+|/\*.*?\*/)*+", re.DOTALL)
TAIL = re.compile(r"[\s\]}]*+\Z")
"""Nothing but closing brackets: whatever is open is closed here, however many of them there are."""

STRINGS = {
    '"""': re.compile(r'"""(.*?)"""', re.DOTALL),
    "'''": re.compile(r"'''(.*?)'''", re.DOTALL),
    '"': re.compile(r'"((?:[^"\\]++|\\.)*+)"', re.DOTALL),
    "'": re.compile(r"'((?:[^'\\]++|\\.)*+)'", re.DOTALL),
    "“": re.compile(r"“([^“”\\]*+)”"),
}
"""The strings by what delimits them; the longer delimiters come first."""

STRUCTURE = re.compile(r"[\s\"']*+[,:}\]]")
"""What follows a string: after three quotes, it may as well follow a string of quotes."""

BARE_KEY = re.compile(r"[A-Za-z_$][\w$]*+(?=\s*+:)")
WORD = re.compile(r"[\w.+-]++")
LITERALS: dict[str, JsonValue] = {
    "true": True,
    "True": True,
    "false": False,
    "False": False,
    "null": None,
    "None": None,
}
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][-+]?[0-9]++)?")

ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
ESCAPED = {'"': '"', "'": "'", "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
LETTERS = frozenset("bfnrtu")
"""Escapes that would also be something else, if the model had not escaped the backslashes of its text at all."""


class CutOff(JsonError):
    """The text ends where it cannot end: what is missing would have to be guessed."""


def read_leniently(text: str) -> JsonValue:
    """
    Return the one value that `text` can mean, in linear time.

    Raises:
        CutOff: when the text ends too early.
        JsonError: when it cannot be read, or in more than one way.
    """
    return _Reader(text).document()


def unescaped(text: str) -> str:
    r"""
    Return a string's content; an escape that JSON does not know, such as `\d`, keeps its backslash.

    Raises:
        JsonError: when a backslash was kept beside an escape that JSON does know, as in `\Users\new`.
    """
    if "\\" in text:
        kinds = {match[1][0] for match in ESCAPE.finditer(text)}
        if not kinds <= ESCAPED.keys() | {"u"} and kinds & LETTERS:
            raise JsonError("some backslashes in a string are escaped and some are not")
        text = ESCAPE.sub(_character, text)
    return without_half_pairs(text)


def without_half_pairs(text: str) -> str:
    """Return the text with whole surrogate pairs as their character, and half a pair as U+FFFD."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _character(escape: re.Match[str]) -> str:
    kind = escape[1]
    return chr(int(kind[1:], 16)) if len(kind) > 1 else ESCAPED.get(kind, escape[0])


class _Reader:
    """Reads one text from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def document(self) -> JsonValue:
        value = self._value(0)
        self._skip_blank()
        if not self._is_tail():
            self._fail("something follows the arguments")
        return value

    def _value(self, depth: int) -> JsonValue:
        if depth > MAX_DEPTH:
            raise JsonError(f"nested deeper than {MAX_DEPTH} levels")
        match self._next():
            case "{":
                return self._object(depth)
            case "[":
                return self._array(depth)
            case '"' | "'" | "“":
                return self._string()
            case _:
                return self._word()

    def _object(self, depth: int) -> dict[str, JsonValue]:
        self._at += 1
        found: dict[str, JsonValue] = {}
        while self._next() != "}":
            key = self._key()
            if self._next() != ":":
                self._fail(f"no colon follows the key {key!r}")
            self._at += 1
            value = self._value(depth + 1)
            if found.setdefault(key, value) != value:
                raise JsonError(f"`{key}` is given twice")
            if self._is_last("}"):
                return found
        self._at += 1
        return found

    def _array(self, depth: int) -> list[JsonValue]:
        self._at += 1
        found: list[JsonValue] = []
        while self._next() != "]":
            found.append(self._value(depth + 1))
            if self._is_last("]"):
                return found
        self._at += 1
        return found

    def _is_last(self, closing: str) -> bool:
        """Return whether no more members follow, and pass the bracket; otherwise pass the comma."""
        end = self._at
        self._skip_blank()
        if self._text.startswith(closing, self._at):
            self._at += 1
            return True
        if self._text.startswith(",", self._at):
            self._at += 1
            return False
        if not self._is_tail() or self._text[end : self._at].strip():
            self._fail("a comma or a closing bracket is missing")
        return True

    def _key(self) -> str:
        if self._text[self._at] in "\"'“":
            return self._string()
        if (bare := BARE_KEY.match(self._text, self._at)) is None:
            self._fail("a key is not a string")
        self._at = bare.end()
        return bare[0]

    def _string(self) -> str:
        delimiter = next(quotes for quotes in STRINGS if self._text.startswith(quotes, self._at))
        string = STRINGS[delimiter].match(self._text, self._at)
        if string is None:
            raise CutOff("the text ends inside a string")
        if len(delimiter) > 1 and STRUCTURE.match(string[1]) is not None:
            self._fail("three quotes may be a string of quotes")
        self._at = string.end()
        return unescaped(string[1])

    def _word(self) -> JsonValue:
        word = WORD.match(self._text, self._at)
        if word is None:
            self._fail("a value is missing")
        self._at = word.end()
        if word[0] in LITERALS:
            return LITERALS[word[0]]
        if NUMBER.fullmatch(word[0]) is None:
            raise JsonError(f"{word[0][:40]!r} is not a JSON value")
        if self._at == len(self._text):
            raise CutOff("the text ends in a number, which may have had more digits")
        return decode_json(word[0].encode())

    def _next(self) -> str:
        """Pass what is blank and return the next character."""
        self._skip_blank()
        if self._at == len(self._text):
            raise CutOff("the text ends before the arguments do")
        return self._text[self._at]

    def _skip_blank(self) -> None:
        blank = BLANK.match(self._text, self._at)
        self._at = blank.end() if blank else self._at

    def _is_tail(self) -> bool:
        return TAIL.match(self._text, self._at) is not None

    def _fail(self, why: str) -> NoReturn:
        raise JsonError(f"{why} (character {self._at + 1})")
