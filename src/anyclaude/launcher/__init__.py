"""
Processes and their order: engine, gateway and client start, and stop in the opposite order.

`launch` runs Claude Code on the model of this run, `serve` the gateway alone, and `print_environment` shows what
Claude Code would get.
"""

from .client.plan import Invocation
from .launch import launch, print_environment, serve
from .signals import Signals
from .supervise import SIGNAL_STATUS
from .terminal import Terminal

__all__ = ["SIGNAL_STATUS", "Invocation", "Signals", "Terminal", "launch", "print_environment", "serve"]
