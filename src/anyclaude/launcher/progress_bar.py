"""The bar of a long step, on a terminal."""

from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn


class ProgressBar:
    """A bar with the remaining bytes and time, or, if the size is unknown, with the step's label."""

    def __init__(self, stream: TextIO, label: str, total_bytes: int | None) -> None:
        sized = (DownloadColumn(), TimeRemainingColumn()) if total_bytes else ()
        self._progress = Progress(
            *(() if total_bytes else (TextColumn("{task.description}", markup=False),)),
            BarColumn(),
            *sized,
            console=Console(file=stream, highlight=False, soft_wrap=True),
            transient=True,
        )
        self._task = self._progress.add_task(label, total=total_bytes)
        self._progress.start()

    def advance(self, amount_bytes: int) -> None:
        """Move the bar; rich holds a lock, so any thread may call this."""
        self._progress.advance(self._task, amount_bytes)

    def close(self) -> None:
        """Remove the bar."""
        self._progress.stop()
