"""
The journal of exchanges: one typed record per exchange, written once, and read again newest first.

`newest_records` reads it.  Import `Journal`, which writes it, from `journal`: it listens to exchanges, and loads all of
their packages, which a command that only reads need not wait for.
"""

from .journal_reader import newest_records

__all__ = ["newest_records"]
