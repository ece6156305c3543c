"""`anyclaude`: starts Claude Code on the model of this run, or alone for its commands that talk to no model."""

import sys

from anyclaude.errors import PlaceUnusable
from anyclaude.launcher import Invocation, Signals, Terminal, launch, run_client_alone
from anyclaude.settings import Settings

from .client_words import talks_to_a_model
from .commands import Call
from .event_loop import run_until_complete


def run(call: Call) -> int:
    """
    Start the engine if there is to be one, the gateway and the client; return the client's exit status.

    Raises:
        PlaceUnusable: when the current folder was deleted, in which the client does not start.
    """
    if not call.folder.is_absolute():
        raise PlaceUnusable("The current folder was deleted or cannot be found. Change to another one, and start again")
    invocation = Invocation(call.client_arguments, call.environment, call.folder)
    start = launch if talks_to_a_model(call.client_arguments) else run_client_alone

    async def work(settings: Settings, signals: Signals) -> int:
        return await start(invocation, settings, Terminal(sys.stderr), signals)

    return run_until_complete(work, call.settings)
