"""
Who waits, for which upstream, and what is tried before a request is given up.

An `Upstream` prepares a `BackendRequest`; the `Dispatcher` opens the reply to a `PreparedRequest`.
"""

from .admission import Admission, AdmittedTurn
from .dispatch import Dispatcher, OpenReply
from .model_choice import model_for
from .progress import Progress, SkippedBackend, Stage
from .queue import Priority, Requester
from .token_count import counted_tokens
from .upstream import BackendRequest, PreparedRequest, Upstream

__all__ = [
    "Admission",
    "AdmittedTurn",
    "BackendRequest",
    "Dispatcher",
    "OpenReply",
    "PreparedRequest",
    "Priority",
    "Progress",
    "Requester",
    "SkippedBackend",
    "Stage",
    "Upstream",
    "counted_tokens",
    "model_for",
]
