"""What is said on stderr before the client owns the terminal, and after it has given it back."""

from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


class Terminal:
    """
    Says sentences, and shows how long steps move on; the engine's `Progress` protocol.

    A step of a known size is one sentence and a bar; where stderr is no terminal, every step is one sentence.
    """

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream, highlight=False, soft_wrap=True)
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def say(self, text: str) -> None:
        """Write one line."""
        self._console.print(text, markup=False)

    def started(self, label: str, total_bytes: int | None) -> None:
        """Show that a step begins."""
        if total_bytes or not self._console.is_terminal:
            self.say(f"{label}.")
        if not self._console.is_terminal:
            return
        columns = (DownloadColumn(), TimeRemainingColumn()) if total_bytes else ()
        self._bar = Progress(
            *(() if total_bytes else (TextColumn("{task.description}", markup=False),)),
            BarColumn(),
            *columns,
            console=self._console,
            transient=True,
        )
        self._task = self._bar.add_task(label, total=total_bytes)
        self._bar.start()

    def advanced(self, amount_bytes: int) -> None:
        """Move the bar; rich holds a lock, so any thread may call this."""
        if self._bar is not None and self._task is not None:
            self._bar.advance(self._task, amount_bytes)

    def finished(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
        self._bar, self._task = None, None
