"""
One line at the bottom of a terminal that is written again and again, and removed before anything else is written.

The terminal is shared with the client, so the line is plain text that a carriage return and one escape sequence
remove.  Writing it never blocks and never fails: the gateway of the session runs in the same process.
"""

import io
import os
import select
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TextIO

from anyclaude.shown_text import shown_line

REMOVE = "\r\x1b[K"
"""To the beginning of the line, and erase to its end (ECMA-48, EL)."""

USUAL_COLUMNS = 80
MIN_COLUMNS = 20
"""In a narrower terminal there is no line: what is left of it says nothing."""

PLAIN_SECONDS = 15.0
"""Between two lines on a terminal that cannot remove one."""


class StatusLine:
    """
    The line of one terminal, or of nothing, if the stream is no terminal.

    On a terminal that is not to get escape sequences (`TERM=dumb`, `NO_COLOR`), it is written as a line of its own, at
    most every `PLAIN_SECONDS`.
    """

    def __init__(self, stream: TextIO, environment: Mapping[str, str], seconds: Callable[[], float]) -> None:
        self.is_possible = stream.isatty()
        """Whether there is a terminal to write to."""
        self._stream = stream
        self._is_plain = environment.get("TERM", "dumb") in {"", "dumb"} or bool(environment.get("NO_COLOR"))
        self._seconds = seconds
        self._shown = ""
        self._plain_since = seconds()
        self._is_over = False

    def show(self, text: str) -> None:
        """Show a text, as much of it as fits."""
        if not self.is_possible or self._is_over or _is_in_background(self._stream):
            return
        text, columns = shown_line(text), _columns(self._stream)
        if self._is_plain:
            self._show_plain(text)
        elif columns >= MIN_COLUMNS and _takes_text(self._stream):
            fitting = text if len(text) < columns else f"{text[: columns - 4]}..."
            if fitting != self._shown and self._write(f"{REMOVE}{fitting}"):
                self._shown = fitting

    def remove(self) -> None:
        """Remove the line, if it is there."""
        if self._shown:
            self._write(REMOVE)
            self._shown = ""

    def end(self) -> None:
        """Remove the line for good."""
        self.remove()
        self._is_over = True

    def say(self, text: str) -> None:
        """Write a line that stays, on a terminal or not."""
        self.remove()
        self._write(f"{shown_line(text)}\n")

    def _show_plain(self, text: str) -> None:
        now = self._seconds()
        if now - self._plain_since >= PLAIN_SECONDS:
            self._plain_since = now
            self._write(f"{text}\n")

    def _write(self, text: str) -> bool:
        with suppress(OSError, ValueError):  # the terminal is gone, or the stream was closed
            self._stream.write(text)
            self._stream.flush()
            return True
        return False


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or USUAL_COLUMNS
    except (OSError, io.UnsupportedOperation):
        return USUAL_COLUMNS


def _takes_text(stream: TextIO) -> bool:
    """Return whether the terminal takes text at present: not while the user has stopped it with Ctrl-S."""
    try:
        return bool(select.select([], [stream], [], 0)[1])
    except (OSError, ValueError):  # not a file, or closed: writing shows it
        return True


def _is_in_background(stream: TextIO) -> bool:
    """Return whether the user is at work with another program on this terminal."""
    if sys.platform == "win32":
        return False
    try:
        return os.tcgetpgrp(stream.fileno()) != os.getpgrp()
    except (OSError, io.UnsupportedOperation):  # a terminal without job control
        return False
