"""`anyclaude serve`: runs the gateway alone."""

import asyncio
import sys

from anyclaude.launcher import Invocation, Signals, Terminal
from anyclaude.launcher.serve import serve
from anyclaude.settings import Settings

from .commands import Call
from .event_loop import run_until_complete


def run(call: Call) -> int:
    """Run the gateway until a signal ends it, which is a success."""
    invocation = Invocation((), call.environment, call.folder)

    async def work(settings: Settings, signals: Signals) -> int:
        try:
            await serve(invocation, settings, Terminal(sys.stderr), sys.stdout)
        except asyncio.CancelledError:
            if signals.received is None:
                raise
        return 0

    return run_until_complete(work, call.settings)
