"""The log of a shortage of connections or descriptors: one line, however many clients it keeps out."""

import logging
from collections.abc import Callable

QUIET_SECONDS = 60.0
"""After so long without a shortage, the next one is a new one."""

_log = logging.getLogger(__name__)


class Shortage:
    """The shortages of one gateway."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._noted_at: float | None = None

    def note(self, what: str) -> None:
        """Note what there is too much or too little of, and log it at the beginning of a shortage."""
        now = self._seconds()
        if self._noted_at is None or now - self._noted_at >= QUIET_SECONDS:
            _log.warning("%s; idle connections are closed, and new ones refused while none is idle", what)
        self._noted_at = now
