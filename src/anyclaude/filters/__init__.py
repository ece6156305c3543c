"""
Filters of the deltas between a reply's decoder and its `MessageStream`.

A decoder returns what the server sent, and some models write tool calls or their reasoning as plain text.  A filter
turns such text into structured deltas while the reply streams.
"""

from .base import CallNote, DeltaFilter, FilterChain, FilterContext, FilterFactory, chain_for, ignore
from .checked_calls import checked_calls
from .written import written_replies

__all__ = [
    "CallNote",
    "DeltaFilter",
    "FilterChain",
    "FilterContext",
    "FilterFactory",
    "chain_for",
    "checked_calls",
    "ignore",
    "written_replies",
]
