"""How the engine tells whoever is watching that a long step is moving on."""

from typing import Protocol


class Progress(Protocol):
    """Is told about one long step at a time: started, advanced any number of times, finished."""

    def started(self, label: str, total_bytes: int | None) -> None:
        """A step named `label` begins; its size is None if nobody can know it."""

    def advanced(self, amount_bytes: int) -> None:
        """The step has moved on by so many bytes; may be called from another thread."""

    def finished(self) -> None:
        """The step has ended, well or not; called exactly once for each `started`."""


class NullProgress:
    """A `Progress` that tells nobody."""

    def started(self, label: str, total_bytes: int | None) -> None:
        """Tell nobody."""

    def advanced(self, amount_bytes: int) -> None:
        """Tell nobody."""

    def finished(self) -> None:
        """Tell nobody."""
