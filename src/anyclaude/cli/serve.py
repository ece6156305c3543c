"""`anyclaude serve`: runs the gateway alone."""

import asyncio
import sys

from anyclaude.launcher import Invocation, Signals, Terminal
from anyclaude.launcher.serve import serve

from .commands import Call
from .event_loop import run_until_complete


def run(call: Call) -> int:
    """Run the gateway until a signal ends it, which is a success."""
    invocation = Invocation((), call.environment, call.folder)

    async def work(signals: Signals) -> int:
        try:
            await serve(invocation, call.settings, Terminal(sys.stderr), sys.stdout)
        except asyncio.CancelledError:
            if signals.received is None:
                raise
        return 0

    return run_until_complete(work, call.settings.log_dir / "logs")
