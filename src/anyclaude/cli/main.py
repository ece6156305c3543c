"""The command `anyclaude`: splits the command line, reads the settings, and runs one command of the table."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence, Set
from importlib import import_module
from pathlib import Path

from anyclaude.errors import AnyclaudeError, SetupError
from anyclaude.settings import Settings, config_file, load_settings

from .command_line import CommandLine, split_command_line, switches_in
from .commands import COMMANDS, Call, Command
from .parser import help_text, own_flags, parse

INTERRUPTED = 130
"""The exit status of a program that was ended by SIGINT: 128 and the signal's number."""


def main() -> None:
    """Run the command line, and end the process with its status."""
    if sys.stdout is None:  # it was closed when we were started
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # until the process ends
    try:
        status = run(sys.argv[1:], COMMANDS)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough, as `head` has; without this, the exit would print an error
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    sys.exit(status)


def run(arguments: Sequence[str], commands: Sequence[Command]) -> int:
    """Run the command that the arguments call, and return its exit status."""
    try:
        flags = own_flags(commands)
        line = split_command_line(arguments, flags, commands)
        switches = switches_in(line.ours, flags)
        command = _called(line, switches, commands)
        if "--help" in switches:
            sys.stdout.write(help_text(command, commands))
            return 0
        return _run(command, line, commands)
    except AnyclaudeError as error:
        _say(str(error))
        return error.exit_status if isinstance(error, SetupError) else 1
    except KeyboardInterrupt:
        return INTERRUPTED


def _called(line: CommandLine, switches: Set[str], commands: Sequence[Command]) -> Command:
    """Return the command that was called by its words, else by its switch, else the default."""
    for command in commands:
        if command.name == line.command or (line.command is None and command.switch in switches):
            return command
    return next(command for command in commands if command.is_default)


def _run(command: Command, line: CommandLine, commands: Sequence[Command]) -> int:
    """Read the settings before the command is loaded: a wrong flag needs none of its libraries."""
    parsed = parse(command, line.ours, commands)
    environment = dict(os.environ)
    call = Call(
        settings=_settings(parsed.settings, environment) if command.reads_settings else Settings(),
        options=parsed.options,
        client_arguments=line.client,
        environment=environment,
        folder=Path.cwd(),
    )
    work: Callable[[Call], int] = import_module(command.module).run
    return work(call)


def _settings(flags: Mapping[str, str], environment: Mapping[str, str]) -> Settings:
    home = Path(environment.get("HOME") or Path.home())
    return load_settings(flags, environment, config_file(home), _say)


def _say(text: str) -> None:
    sys.stderr.write(f"anyclaude: {text}\n")
