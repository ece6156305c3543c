"""
Writes lines to a terminal, wrapped or cut to its width and in colour, and to a pipe or a file whole.

Control characters and secrets are taken out of all of them (`shown_line`); the colours are added after that.

`rich` would do this too, but importing it takes as long as everything else that `anyclaude explain` does.
"""

import os
import shutil
import textwrap
from typing import TextIO

from anyclaude.shown_text import shown_line

STYLES = {"bold": "1", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
"""The codes of ECMA-48 (SGR) that every terminal knows."""

LABEL_WIDTH = 18

NARROWEST = 20
"""The columns a text gets at least, however narrow the terminal is."""


class Screen:
    """A stream, and the width and colours of its terminal if it is one."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._width = shutil.get_terminal_size().columns if out.isatty() else None
        self._has_colours = out.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def paragraph(self, label: str, text: str, style: str) -> None:
        """Write a text behind its label; a terminal gets it wrapped, with its lines below each other."""
        label = f"{label:<{LABEL_WIDTH}}" if label else ""
        text = shown_line(text)
        lines = [text] if self._width is None else textwrap.wrap(text, max(self._width - len(label), NARROWEST))
        for number, line in enumerate(lines or [""]):
            margin = label if number == 0 else " " * len(label)
            self._out.write(f"{margin}{self._styled(line, style)}\n")

    def line(self, text: str, style: str = "") -> None:
        """Write one line, which a terminal cuts at its width."""
        self._out.write(f"{self._styled(shown_line(text)[: self._width], style)}\n")

    def _styled(self, text: str, style: str) -> str:
        return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if style and text and self._has_colours else text
