"""One run of anyclaude: all that its gateway is made of."""

from collections.abc import Callable

from msgspec import Struct

from anyclaude.settings import Settings

from .client import Invocation
from .engine_monitor import EngineMonitor
from .servers import Servers
from .signals import Signals


class Run(Struct, frozen=True):
    """How anyclaude was called, its settings, its servers, the monitor of their engine, and where to write notes."""

    invocation: Invocation
    settings: Settings
    servers: Servers
    monitor: EngineMonitor
    say: Callable[[str], None]
    signals: Signals | None = None
    """The signals that end the client, if it has the terminal."""
