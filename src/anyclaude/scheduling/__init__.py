"""Who waits, for which backend, and what is tried before a request is given up."""

from .admission import Admission
from .dispatch import Dispatcher, Lane, OpenReply, Patience
from .memory import ConversationMemory
from .model_choice import model_for

__all__ = ["Admission", "ConversationMemory", "Dispatcher", "Lane", "OpenReply", "Patience", "model_for"]
