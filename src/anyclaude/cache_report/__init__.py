"""
All of "why did this miss": what became of a prompt in the engine's cache, and what to do about it.

`CacheAnalyser` listens to exchanges and writes findings; `ExchangeHistory` reads them again and explains an exchange;
`CacheDiagnostics` answers the requests that ask for it.
"""

from .analyser import CacheAnalyser
from .diagnostics import CacheDiagnostics
from .history import ExchangeHistory
from .listing import listed
from .report import Line

__all__ = ["CacheAnalyser", "CacheDiagnostics", "ExchangeHistory", "Line", "listed"]
