"""
Processes and their order: engine, gateway and client start, and stop in the opposite order.

`launch` runs Claude Code on the model of this run, `run_client_alone` its commands that need none, and
`print_environment` shows what Claude Code would get.  This
package loads what is needed until the client starts: `compose`, which loads the gateway's libraries, is imported after
that, and `serve`, which runs the gateway alone, is imported from its module.
"""

from .client import Invocation
from .client_alone import run_client_alone
from .launch import launch
from .print_environment import print_environment
from .signals import Signals
from .supervise import SIGNAL_STATUS
from .terminal import Terminal

__all__ = [
    "SIGNAL_STATUS",
    "Invocation",
    "Signals",
    "Terminal",
    "launch",
    "print_environment",
    "run_client_alone",
]
