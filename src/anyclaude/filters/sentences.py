"""Where sentences end: in a source, whose lines may be wrapped, and in a reply, in which each line is a paragraph."""

import re
from collections.abc import Iterator

MAX_SENTENCE_CHARACTERS = 1_000
"""What is longer is divided: a table, or text in a script whose sentences end otherwise."""

_BRACKETS = "\"'”’»)\\]*_」』\uff09"
_TERMINATOR = rf"(?:(?<![.!?…])[.!?…]++[{_BRACKETS}]*+(?=\s)|[。！？]++[{_BRACKETS}]*+)\s*+"

_END_IN_SOURCE = re.compile(rf"{_TERMINATOR}|\n[^\S\n]*+\n\s*+|\n[^\S\n]*+(?=[-*+•|#]|\d+[.)]\s)")
_END_IN_REPLY = re.compile(rf"{_TERMINATOR}|(?<!\s)[^\S\n]*+\n\s*+")

_ABBREVIATION = re.compile(
    r"(?:^|[\W_])(?:[^\W\d_]|dr|mr|mrs|ms|st|vs|prof|no|nr|fig|vol|approx|ca|bzw|etc|[a-z]\.[a-z])\.\s+$", re.IGNORECASE
)
"""After a single letter and such words, a sentence goes on."""

_ITEM_NUMBER = re.compile(r"\s*\d{1,3}\.\s+")
"""Of a list, at its beginning."""

_LOOK_BACK = 16
"""As many characters as an abbreviation may have with the spaces after it."""


def sentences_in(text: str) -> Iterator[tuple[int, int]]:
    """Yield the beginnings and the ends of a source's sentences, without the whitespace around them."""
    start = 0
    while start < len(text):
        end = _end(_END_IN_SOURCE, text, start, is_whole=True) or len(text)
        first, last = _stripped(text, start, end)
        if first < last:
            yield first, last
        start = end


def end_of_sentence(text: str, start: int = 0, *, is_whole: bool = False) -> int:
    """
    Return where a sentence of a reply ends, with the whitespace after it, 0 if that is not certain yet.

    It is certain as soon as something follows it, so it does not depend on how the reply is divided.  If the text
    `is_whole`, what has no other end ends with it.
    """
    end = _end(_END_IN_REPLY, text, start, is_whole=is_whole)
    return len(text) if is_whole and not end and start < len(text) else end


def _end(pattern: re.Pattern[str], text: str, start: int, *, is_whole: bool) -> int:
    window = text[start : start + MAX_SENTENCE_CHARACTERS + 1]  # nothing depends on what was before it
    at = len(window) - len(window.lstrip())
    while (found := pattern.search(window, at)) is not None and found.end() <= MAX_SENTENCE_CHARACTERS:
        at = found.end()
        if at == len(window) and not is_whole:
            return 0
        ends_paragraph = pattern is _END_IN_REPLY and "\n" in found[0]
        if ends_paragraph or window[found.start()] not in ".…" or not _goes_on(window, at):
            return start + at
    return start + MAX_SENTENCE_CHARACTERS if len(window) > MAX_SENTENCE_CHARACTERS else 0


def _goes_on(sentence: str, end: int) -> bool:
    """Return whether a sentence does not end at a point: before a small letter, or after what is written with one."""
    if sentence[end : end + 1].islower():
        return True
    if end <= _LOOK_BACK and _ITEM_NUMBER.fullmatch(sentence, 0, end):
        return True
    return _ABBREVIATION.search(sentence[max(0, end - _LOOK_BACK) : end]) is not None


def _stripped(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())
