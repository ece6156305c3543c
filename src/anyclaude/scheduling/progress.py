"""The stages and attempts of a request on its way to a reply."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from msgspec import Struct

from anyclaude.dialects import EngineProgress
from anyclaude.profiles import Amendment

from .upstream import PreparedRequest

Stage: TypeAlias = Literal["queued", "evaluating", "failing", "replying", "ending"]
"""`queued`: the request is waiting for a turn.  `evaluating`: it was sent, and the server evaluates the prompt.
`failing`: the server could not be reached, or cannot answer yet, and will be asked again.  `replying`: the first delta
has arrived.  `ending`: the end of the reply, or the error in its place, is about to be delivered."""

Watcher: TypeAlias = Callable[[Stage, PreparedRequest], None]
"""Called with the stage that a request has entered, and the request; must not raise."""


def nothing_reported() -> EngineProgress:
    """Return that the engine has not reported how far it is."""
    return EngineProgress()


def unwatched(stage: Stage, request: PreparedRequest) -> None:
    """Do nothing: the watcher of a request that no exchange follows."""


class SkippedBackend(Struct, frozen=True):
    """A backend that failed before the next one was tried, and its error."""

    backend: str
    reason: str


@dataclass(slots=True)
class Progress:
    """
    The attempts at one request: written by the dispatcher, and read by the exchange log even if all of them failed.

    `watcher` may be replaced at any time: a client that re-attaches takes over the progress.
    """

    watcher: Watcher = unwatched
    attempts: int = 0
    skipped_backends: tuple[SkippedBackend, ...] = field(default=())
    continuations: int = 0
    has_changed_model: bool = False
    """Whether the server lacked the model and was asked for another: once, or two models in turn would never end."""
    bad_samples: int = 0
    """How often the server could not read what its model had written."""
    admitted_at: float | None = None
    """When the request got its turn, on the gateway's monotonic clock."""
    abandoned_work_seconds: float | None = None
    """How long the server continued an earlier reply whose client had left."""
    sent: PreparedRequest | None = None
    """The last request sent, not counting continuations, which request the rest of a reply."""
    engine: Callable[[], EngineProgress] = nothing_reported
    """Returns how far the engine says that it is with the last request."""
    failure: str = ""
    """Why the last attempt failed, if it is repeated."""
    amendments: tuple[Amendment, ...] = ()
    """What refusals of the request have taught."""

    def queued(self, request: PreparedRequest) -> None:
        """Record that the request is waiting for a turn."""
        self.watcher("queued", request)

    def sending(self, request: PreparedRequest) -> None:
        """Record an attempt."""
        self.attempts += 1
        self.engine = nothing_reported
        if not self.continuations:
            self.sent = request
        self.watcher("evaluating", request)

    def failing(self, request: PreparedRequest, reason: str) -> None:
        """Record that an attempt has failed and is repeated."""
        self.failure = reason
        self.watcher("failing", request)

    def amended(self, request: PreparedRequest) -> None:
        """Record that a refused request is sent again, changed as the refusal wants it."""
        self.amendments = (*self.amendments, *request.trial[-1:])

    def replying(self, request: PreparedRequest) -> None:
        """Record that the reply has begun."""
        self.watcher("replying", request)

    def skipped(self, request: PreparedRequest, reason: str) -> None:
        """Record that a backend failed and the next one is tried."""
        name = request.profile.name
        self.skipped_backends = (*self.skipped_backends, SkippedBackend(name, reason))
