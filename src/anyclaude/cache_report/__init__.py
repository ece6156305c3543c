"""
All of "why did this miss": what became of a prompt in the engine's cache, and what to do about it.

`ExchangeHistory` reads the journal and the findings, and explains an exchange; `listed` makes a table of several.
Import what the gateway needs from its modules, `analyser.CacheAnalyser`, which listens to exchanges and writes the
findings, and `diagnostics.CacheDiagnostics`, which answers the requests that ask for them: they load all packages of an
exchange, which a command that only reads need not wait for.
"""

from .history import ExchangeHistory
from .listing import listed
from .report import Line

__all__ = ["ExchangeHistory", "Line", "listed"]
