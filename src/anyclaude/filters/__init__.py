"""
Filters stand between a reply's decoder and its `MessageStream`.

A decoder returns what the server sent; some models write as text what should have been structure: a tool call, their
reasoning.  A filter turns the one into the other while the reply streams.
"""

from .base import DeltaFilter, FilterChain, FilterContext, FilterFactory, chain_for

__all__ = ["DeltaFilter", "FilterChain", "FilterContext", "FilterFactory", "chain_for"]
