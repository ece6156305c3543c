"""How far a request has come on its way to a reply."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from msgspec import Struct

from .upstream import PreparedRequest

Stage: TypeAlias = Literal["queued", "evaluating", "replying"]
"""`queued`: the request waits for its turn.  `evaluating`: it was sent and the server evaluates the prompt.
`replying`: the first delta has arrived."""

Watcher: TypeAlias = Callable[[Stage, PreparedRequest], None]
"""Is called when a request enters a stage, with the request; it must not raise."""


def _unwatched(stage: Stage, request: PreparedRequest) -> None:
    """Watch nothing."""


class SkippedBackend(Struct, frozen=True):
    """A backend that came first and failed, and its error."""

    backend: str
    reason: str


@dataclass(slots=True)
class Progress:
    """
    The attempts at one request: written by the dispatcher, read by the exchange log even if no reply came of them.

    `watcher` may be replaced while the request is under way: a client that re-attaches takes the progress over.
    """

    watcher: Watcher = _unwatched
    attempts: int = 0
    skipped_backends: tuple[SkippedBackend, ...] = field(default=())
    continuations: int = 0
    admitted_at: float | None = None
    """When the request got its turn, on the gateway's monotonic clock."""
    sent: PreparedRequest | None = None
    """The last request sent, not counting continuations, which ask for the rest of a reply."""

    def queued(self, request: PreparedRequest) -> None:
        """Note that the request waits for a turn."""
        self.watcher("queued", request)

    def sending(self, request: PreparedRequest) -> None:
        """Note an attempt."""
        self.attempts += 1
        if not self.continuations:
            self.sent = request
        self.watcher("evaluating", request)

    def replying(self, request: PreparedRequest) -> None:
        """Note that the reply has begun."""
        self.watcher("replying", request)

    def skipped(self, request: PreparedRequest, reason: str) -> None:
        """Note that a backend failed and the next one is tried."""
        name = request.upstream.backend.target.profile.name
        self.skipped_backends = (*self.skipped_backends, SkippedBackend(name, reason))
