"""
Filters of the deltas between a reply's decoder and its `MessageStream`.

A decoder returns what the server sent, and some models write tool calls or their reasoning as plain text.  A filter
turns such text into structured deltas while the reply streams.  Another one ends replies that repeat themselves.
"""

from .base import (
    CallNote,
    DeltaFilter,
    EndlessReply,
    FilterChain,
    FilterContext,
    FilterFactory,
    chain_for,
    ignore,
    ignore_end,
)
from .endless_reply import endless_reply

__all__ = [
    "CallNote",
    "DeltaFilter",
    "EndlessReply",
    "FilterChain",
    "FilterContext",
    "FilterFactory",
    "chain_for",
    "endless_reply",
    "ignore",
    "ignore_end",
]
