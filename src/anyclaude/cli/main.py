"""The command `anyclaude`: splits the command line, reads the settings, and runs one command of the table."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TextIO

from msgspec.structs import replace

from anyclaude.errors import AnyclaudeError, SetupError
from anyclaude.secret import know_secrets_of
from anyclaude.settings import Settings, config_file, home_folder, load_settings, unknown_variables, variable_named
from anyclaude.shown_text import shown

from .client_words import read_client_words
from .command_line import CommandLine, split_command_line, switches_in
from .commands import COMMANDS, Call, Command
from .crash import CRASHED, crash_sentence
from .mistakes import refuse_mistakes
from .parser import HELP_FLAGS, help_text, own_flags, parse
from .surroundings import current_folder, open_closed_streams, settle

INTERRUPTED = 130
"""The exit status of a program that was ended by SIGINT: 128 and the signal's number."""


def main() -> None:
    """Run the command line, and end the process with its status."""
    open_closed_streams()
    try:
        status = run(sys.argv[1:], COMMANDS)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough, as `head` has
        status = _without(sys.stdout)
    except OSError as error:
        _say(f"the output cannot be written: {error.strerror}")
        status = _without(sys.stdout)
    try:
        sys.stderr.flush()
    except OSError:
        _without(sys.stderr)
    sys.exit(status)


def _without(stream: TextIO) -> int:
    """Send what is left in a stream's buffer nowhere, which the exit would try to write; return the exit status."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return 1


def run(arguments: Sequence[str], commands: Sequence[Command]) -> int:
    """Run the command that the arguments call, and return its exit status."""
    know_secrets_of(os.environ)
    try:
        flags = own_flags(commands)
        line = split_command_line(arguments, flags, commands)
        switches = switches_in(line.ours, flags)
        command = _called(line, switches, commands)
        if command.reads_settings and not command.words and not line.is_separated:  # it takes words for the client
            refuse_mistakes(line.client, commands)
        if not switches.isdisjoint(HELP_FLAGS):
            if read_client_words(line.client).subcommand is None:
                sys.stdout.write(help_text(command, commands))
                return 0
            line = replace(line, client=(*line.client, "--help"))
        return _run(command, line, commands)
    except AnyclaudeError as error:
        _say(str(error))
        return error.exit_status if isinstance(error, SetupError) else 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001  # the last chance to say it in a sentence
        _say(crash_sentence(error, _usual_log_folder()))
        return CRASHED


def _usual_log_folder() -> Path:
    """Return the folder for logs without reading the settings, which may be what has failed."""
    named = os.path.expanduser(os.environ.get(variable_named("log_dir"), ""))
    return (Path(named) if os.path.isabs(named) else home_folder(os.environ) / ".anyclaude") / "logs"


def _called(line: CommandLine, switches: Set[str], commands: Sequence[Command]) -> Command:
    """Return the command that was called by its words, else by its switch, else the default."""
    for command in commands:
        if command.name == line.command or (line.command is None and command.switch in switches):
            return command
    return next(command for command in commands if command.is_default)


def _run(command: Command, line: CommandLine, commands: Sequence[Command]) -> int:
    """Read the settings before the command is loaded: a wrong flag needs none of its libraries."""
    parsed = parse(command, line.ours, commands)
    settle(os.environ, _say)
    environment = dict(os.environ)
    call = Call(
        settings=_settings(parsed.settings, environment) if command.reads_settings else Settings(),
        options=parsed.options,
        client_arguments=line.client,
        environment=environment,
        folder=current_folder(),
    )
    work: Callable[[Call], int] = import_module(command.module).run
    return work(call)


def _settings(flags: Mapping[str, str], environment: Mapping[str, str]) -> Settings:
    settings = load_settings(flags, environment, config_file(home_folder(environment)), _say)
    for warning in unknown_variables(environment, settings):
        _say(warning)
    return settings


def _say(text: str) -> None:
    with suppress(OSError):  # stderr has no reader
        sys.stderr.write(f"anyclaude: {shown(text)}\n")
        sys.stderr.flush()
