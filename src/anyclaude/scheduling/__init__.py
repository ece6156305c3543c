"""
Which upstream serves a request, when, and how often it is tried.

An `Upstream` prepares a `BackendRequest`; the `Dispatcher` opens the reply to a `PreparedRequest`.
"""

from .admission import Admission, AdmittedTurn
from .dispatch import Dispatcher, OpenReply
from .followed_server import AskAgain, FollowedServer
from .kept_prompts import KeptPrompts
from .model_choice import model_for
from .prefill import evaluate
from .progress import Progress, SkippedBackend, Stage
from .queue import Priority, Requester
from .token_count import TokenCounter, count_prompt_tokens
from .upstream import BackendRequest, PreparedRequest, Upstream

__all__ = [
    "Admission",
    "AdmittedTurn",
    "AskAgain",
    "BackendRequest",
    "Dispatcher",
    "FollowedServer",
    "KeptPrompts",
    "OpenReply",
    "PreparedRequest",
    "Priority",
    "Progress",
    "Requester",
    "SkippedBackend",
    "Stage",
    "TokenCounter",
    "Upstream",
    "count_prompt_tokens",
    "evaluate",
    "model_for",
]
