"""The interface through which a long step, such as a download, reports its progress."""

from typing import Protocol


class Progress(Protocol):
    """Receives the progress of one long step at a time: started, advanced any number of times, finished."""

    def started(self, label: str, total_bytes: int | None) -> None:
        """Handle the start of a step named `label`; `total_bytes` is None if its size is unknown."""

    def advanced(self, amount_bytes: int) -> None:
        """Handle another `amount_bytes` of the step; may be called from another thread."""

    def finished(self) -> None:
        """Handle the end of the step, successful or not; called exactly once for each `started`."""


def download_label(name: str, total_bytes: int | None) -> str:
    """Return the label of a download, with its size, so that the user knows it before the download begins."""
    if not total_bytes:
        return f"Downloading {name}"
    in_megabytes = total_bytes >= 1_000_000
    size = f"{total_bytes / 1e6:,.0f} MB" if in_megabytes else f"{total_bytes / 1e3:,.0f} kB"
    return f"Downloading {name} ({size})"
