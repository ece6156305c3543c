"""
One exchange with a model, from the bytes of the request to its record in the journal.

`MessageExchanges` begins exchanges.  Each writes an `ExchangeLog`, which announces its events to `ExchangeListener`s.
"""

from anyclaude.exchange_record import ExchangeRecord, Outcome, RequestClass

from .caller import Caller, caller_of
from .clock import REAL_TIME, Clock
from .conversation_memory import ConversationMemory
from .events import ExchangeBegan, ExchangeEnded, ExchangeListener, ExchangeProgressed, Listeners
from .exchange_log import ExchangeLog
from .message_exchange import MessageExchange, MessageExchanges
from .own_reply import OwnReply
from .pending_replies import PendingReplies, PendingReply, ReattachPolicy
from .prompt_pipeline import PromptPipeline, prompt_transforms
from .recognition import recognise
from .token_calibration import TokenCalibration

__all__ = [
    "REAL_TIME",
    "Caller",
    "Clock",
    "ConversationMemory",
    "ExchangeBegan",
    "ExchangeEnded",
    "ExchangeListener",
    "ExchangeLog",
    "ExchangeProgressed",
    "ExchangeRecord",
    "Listeners",
    "MessageExchange",
    "MessageExchanges",
    "Outcome",
    "OwnReply",
    "PendingReplies",
    "PendingReply",
    "PromptPipeline",
    "ReattachPolicy",
    "RequestClass",
    "TokenCalibration",
    "caller_of",
    "prompt_transforms",
    "recognise",
]
