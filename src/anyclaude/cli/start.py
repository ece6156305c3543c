"""`anyclaude`: starts Claude Code on the model of this run."""

import sys

from anyclaude.launcher import Invocation, Signals, Terminal, launch

from .commands import Call
from .event_loop import run_until_complete


def run(call: Call) -> int:
    """Start the engine if there is to be one, the gateway and the client; return the client's exit status."""
    invocation = Invocation(call.client_arguments, call.environment, call.folder)

    async def work(signals: Signals) -> int:
        return await launch(invocation, call.settings, Terminal(sys.stderr), signals)

    return run_until_complete(work, call.settings.log_dir / "logs")
