"""Writes to stderr before the client owns the terminal, and after it has returned it."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from importlib import import_module
from typing import Protocol, TextIO

from anyclaude.shown_text import shown, shown_line

PROGRESS_BAR = "anyclaude.launcher.progress_bar"
"""Loaded for the first bar: `rich` takes a tenth of a second, which a launch without a long step can save."""


LINE_BYTES = 4096
"""The longest line that a terminal of Linux passes on (termios(3), canonical mode)."""


class Bar(Protocol):
    """The bar of one step."""

    def advance(self, amount_bytes: int) -> None:
        """Move the bar; may be called from any thread."""

    def close(self) -> None:
        """Remove the bar."""


class BarFactory(Protocol):
    """The class `ProgressBar` of the module `PROGRESS_BAR`."""

    def __call__(self, stream: TextIO, label: str, total_bytes: int | None) -> Bar:
        """Show a bar."""


class Terminal:
    """
    Writes sentences, and shows the progress of long steps; the engine's `Progress` protocol.

    A step of a known size is one sentence and a bar; if stderr is not a terminal, every step is one sentence.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._bar: Bar | None = None

    def say(self, text: str) -> None:
        """Write one line; if that fails, such as on a pipe without a reader, the work goes on."""
        with suppress(OSError):
            self._stream.write(f"{shown(text)}\n")
            self._stream.flush()

    def question(self) -> Callable[[str], Awaitable[str]] | None:
        """
        Return what asks the user for a line, `None` unless questions and answers have a terminal.

        It raises `EOFError` at the end of the input.
        """
        has_terminal = self._stream.isatty() and sys.stdin is not None and sys.stdin.isatty()
        return self._asked if has_terminal else None

    async def _asked(self, prompt: str) -> str:
        """Wait for the line without blocking the loop, which handles Ctrl-C meanwhile; a terminal gives whole lines."""
        self._stream.write(prompt)
        self._stream.flush()
        descriptor, loop = sys.stdin.fileno(), asyncio.get_running_loop()
        is_typed = asyncio.Event()
        loop.add_reader(descriptor, is_typed.set)
        try:
            await is_typed.wait()
        finally:
            loop.remove_reader(descriptor)
        if not (line := os.read(descriptor, LINE_BYTES)):
            raise EOFError
        return line.decode(errors="replace")

    def started(self, label: str, total_bytes: int | None) -> None:
        """Show that a step begins."""
        is_terminal = self._stream.isatty()
        if total_bytes or not is_terminal:
            self.say(f"{label}.")
        if is_terminal:
            show_bar: BarFactory = import_module(PROGRESS_BAR).ProgressBar
            self._bar = show_bar(self._stream, shown_line(label), total_bytes)

    def advanced(self, amount_bytes: int) -> None:
        """Move the bar; any thread may call this."""
        if self._bar is not None:
            self._bar.advance(amount_bytes)

    def finished(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.close()
        self._bar = None
