"""
A circuit breaker per backend: after repeated failures, requests are refused for a while, then one is tried.

    closed ──(`threshold` failures in a row)──► open ──(`rest_seconds` later)──► half-open
       ▲                                          ▲                                 │
       └───────────────(the trial succeeds)───────┼─────────────────────────────────┤
                                                  └──────(the trial fails)──────────┘
"""

from collections.abc import Callable
from typing import Literal, TypeAlias

from anyclaude.errors import BackendUnavailable

State: TypeAlias = Literal["closed", "open", "half_open"]


class CircuitBreaker:
    """
    Gates the requests to one backend.

    Only failures of the server itself count: no connection, a broken connection, a timeout.  An answer with an error
    status does not: the server is up.
    """

    def __init__(self, clock: Callable[[], float], threshold: int = 5, rest_seconds: float = 15.0) -> None:
        self._clock = clock
        self._threshold = threshold
        self._rest_seconds = rest_seconds
        self._failures = 0
        self._reason = ""
        self._opened_at: float | None = None
        self._on_trial = False

    @property
    def state(self) -> State:
        """The state of the circuit."""
        if self._opened_at is None:
            return "closed"
        return "half_open" if self._rested() else "open"

    @property
    def failures(self) -> int:
        """The number of requests in a row that have failed."""
        return self._failures

    @property
    def reason(self) -> str:
        """Why the last request failed; empty if none has."""
        return self._reason

    def admit(self) -> None:
        """
        Admit one request.

        Raises:
            BackendUnavailable: when the circuit is open, or another request is on trial; it carries the reason and
                the seconds until the next attempt.
        """
        if self._opened_at is None:
            return
        if self._rested() and not self._on_trial:
            self._on_trial = True
            return
        wait = max(self._opened_at + self._rest_seconds - self._clock(), 1.0)
        raise BackendUnavailable(
            f"{self._reason} It failed {self._failures} times in a row; the next attempt is due in {wait:.0f} s.", wait
        )

    def succeeded(self) -> None:
        """Record that the backend answered a request."""
        self._failures, self._opened_at, self._on_trial = 0, None, False

    def failed(self, reason: str) -> None:
        """Record that the backend failed a request; requests that are refused later carry `reason`."""
        self._failures += 1
        self._reason = reason
        if self._on_trial or (self._opened_at is None and self._failures >= self._threshold):
            self._opened_at = self._clock()
        self._on_trial = False

    def withdrawn(self) -> None:
        """Record that a request ended without a result; if it was on trial, the next one is tried instead."""
        self._on_trial = False

    def _rested(self) -> bool:
        return self._opened_at is not None and self._clock() - self._opened_at >= self._rest_seconds
