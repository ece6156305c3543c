"""An example command: the only file that a new command needs, besides its row in the table."""

import sys

from anyclaude.cli.commands import Call


def run(call: Call) -> int:
    """Greet a person on behalf of the model; in upper case with `--loud`."""
    text = f"{call.settings.model} greets {call.options.get('name', 'you')}"
    sys.stdout.write(f"{text.upper() if 'loud' in call.options else text}\n")
    return 3
