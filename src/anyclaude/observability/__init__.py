"""The journal of exchanges: one typed record per exchange, written once, and read again newest first."""

from .journal import Journal
from .journal_reader import newest_records

__all__ = ["Journal", "newest_records"]
