"""Writes to stderr before the client owns the terminal, and after it has returned it."""

from contextlib import suppress
from importlib import import_module
from typing import Protocol, TextIO

PROGRESS_BAR = "anyclaude.launcher.progress_bar"
"""Loaded for the first bar: `rich` takes a tenth of a second, which a launch without a long step can save."""


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
            self._stream.write(f"{text}\n")
            self._stream.flush()

    def started(self, label: str, total_bytes: int | None) -> None:
        """Show that a step begins."""
        is_terminal = self._stream.isatty()
        if total_bytes or not is_terminal:
            self.say(f"{label}.")
        if is_terminal:
            show_bar: BarFactory = import_module(PROGRESS_BAR).ProgressBar
            self._bar = show_bar(self._stream, label, total_bytes)

    def advanced(self, amount_bytes: int) -> None:
        """Move the bar; any thread may call this."""
        if self._bar is not None:
            self._bar.advance(amount_bytes)

    def finished(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.close()
        self._bar = None
