"""`anyclaude --version`."""

import sys
from importlib.metadata import version

from .commands import Call


def run(call: Call) -> int:
    """Write the version of the installed package."""
    sys.stdout.write(f"anyclaude {version('anyclaude')}\n")
    return 0
