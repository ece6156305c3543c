"""
Text of others, made fit to be shown: without control characters, and without secrets.

Servers, models, files, variables and clients can put anything into a text.  On a terminal, escape sequences move the
cursor, write the clipboard and forge answers; characters that turn the direction of writing make a text look like
another.  So every text passes here where it is written to a terminal, and where it becomes the text of an error.
"""

import re

from .secret import masked

_ESCAPE_SEQUENCE = re.compile(
    "(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]?"  # CSI: colours, cursor
    "|(?:\x1b[\\]P^_X]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\\\|\x9c)?"  # OSC, DCS: titles, clipboard
    "|\x1b[ -/]*[0-~]?"  # the others
)
"""The sequences of ECMA-48, also unfinished ones; a terminal would take what follows for their rest."""

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\U000e0000-\U000e007f]")
"""C0 and C1 but for tab and newline, the line separators and direction marks of Unicode, and its invisible tags."""

_SURROGATE = re.compile("[\ud800-\udfff]")
"""Halves of characters, which no stream can write."""


def shown(text: str) -> str:
    """Return a text of any number of lines as it may be shown; takes linear time."""
    if not text.isprintable():
        text = _ESCAPE_SEQUENCE.sub("", text.replace("\r\n", "\n"))
        text = _SURROGATE.sub("\ufffd", _CONTROL.sub(" ", text))
    return masked(text)


def shown_line(text: str) -> str:
    """Return a text as it may be shown on one line; newlines and tabs become spaces."""
    return shown(text).replace("\n", " ").replace("\t", " ")
