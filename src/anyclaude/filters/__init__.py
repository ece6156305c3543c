"""
Filters of the deltas between a reply's decoder and its `MessageStream`.

A decoder returns what the server sent, and some models write tool calls or their reasoning as plain text.
`written_replies` turns such text into structured deltas while the reply streams, `checked_calls` repairs arguments that
do not fit a tool's schema, `stop_sequences` ends a reply at a stop sequence, `endless_reply` and `endless_arguments`
end replies that repeat themselves, `reply_limit` those of the demonstration model that are too long, and `citations`
marks the sentences that repeat a source.
"""

from .base import (
    CallNote,
    DeltaFilter,
    EndlessReply,
    FilterChain,
    FilterContext,
    FilterFactory,
    RejectedCall,
    chain_for,
    deliver,
    ignore,
    ignore_end,
    keep,
)
from .checked_calls import ENDED_BY_THE_MODEL, checked_calls, excerpt
from .citations import citations
from .endless_arguments import endless_arguments
from .endless_reply import endless_reply
from .reply_limit import reply_limit
from .server_calls import ServerCalls
from .stop_sequences import stop_sequences
from .written import written_replies

__all__ = [
    "ENDED_BY_THE_MODEL",
    "CallNote",
    "DeltaFilter",
    "EndlessReply",
    "FilterChain",
    "FilterContext",
    "FilterFactory",
    "RejectedCall",
    "ServerCalls",
    "chain_for",
    "checked_calls",
    "citations",
    "deliver",
    "endless_arguments",
    "endless_reply",
    "excerpt",
    "ignore",
    "ignore_end",
    "keep",
    "reply_limit",
    "stop_sequences",
    "written_replies",
]
