"""`anyclaude --print-env`: shows what Claude Code would get, and why."""

import sys

from anyclaude.launcher import Invocation, Signals, print_environment
from anyclaude.settings import Settings

from .commands import Call
from .event_loop import run_until_complete


def run(call: Call) -> int:
    """Look for the server and the client, start nothing, and write each variable with its reason."""
    invocation = Invocation(call.client_arguments, call.environment, call.folder)

    async def work(settings: Settings, signals: Signals) -> int:
        return await print_environment(invocation, settings, sys.stdout)

    return run_until_complete(work, call.settings)
