"""A progress for tests that do not look at it."""


class NullProgress:
    """A `Progress` that discards every report."""

    def started(self, label: str, total_bytes: int | None) -> None:
        """Do nothing."""

    def advanced(self, amount_bytes: int) -> None:
        """Do nothing."""

    def finished(self) -> None:
        """Do nothing."""
