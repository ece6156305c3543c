"""Who waits, for which backend, and what is tried before a request is given up."""

from .admission import Admission
from .dispatch import Dispatcher, Lane, OpenReply, Patience
from .memory import ConversationMemory
from .model_choice import model_for
from .row import Applicant, Priority

__all__ = [
    "Admission",
    "Applicant",
    "ConversationMemory",
    "Dispatcher",
    "Lane",
    "OpenReply",
    "Patience",
    "Priority",
    "model_for",
]
