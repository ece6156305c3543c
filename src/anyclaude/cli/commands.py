"""The table of commands.  A new command is a module with a function `run(call: Call) -> int`, and a row in here."""

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from anyclaude.settings import SETTINGS, Settings


class Call(Struct, frozen=True, kw_only=True):
    """What a command gets: its settings and options, and the words for the client."""

    settings: Settings
    options: Mapping[str, str]
    """The values of the options that were given, by name; that of a switch is empty."""
    client_arguments: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path


class Option(Struct, frozen=True, kw_only=True):
    """An argument of one command alone: a flag if its name begins with `--`, and a switch if it has no metavar."""

    name: str
    meaning: str
    metavar: str = ""


ALL_FLAGS: tuple[str, ...] = tuple(setting.name for setting in SETTINGS if setting.has_flag)


class Command(Struct, frozen=True, kw_only=True):
    """
    One command.

    It is called by its `words`, which come before every word of the client's, or by its `switch` between them; the
    command with neither is called if no other is.  `flags` are the settings whose flags it takes.
    """

    name: str
    module: str
    """The module with its function `run`."""
    summary: str
    usage: str
    words: tuple[str, ...] = ()
    switch: str = ""
    flags: tuple[str, ...] = ALL_FLAGS
    options: tuple[Option, ...] = ()
    reads_settings: bool = True
    """Whether the settings are read first; without, the command has the defaults, and works if a setting is wrong."""

    @property
    def is_default(self) -> bool:
        """Whether it is called if no other command is."""
        return not self.words and not self.switch


COMMANDS: tuple[Command, ...] = (
    Command(
        name="start",
        module="anyclaude.cli.start",
        summary="Start Claude Code on the models you run yourself.",
        usage="anyclaude [FLAGS] [ARGUMENTS FOR CLAUDE CODE]",
    ),
    Command(
        name="serve",
        module="anyclaude.cli.serve",
        summary="Run the gateway alone, for any client of the Anthropic Messages API.",
        usage="anyclaude serve [FLAGS]",
        words=("serve",),
    ),
    Command(
        name="prompt",
        module="anyclaude.cli.prompt",
        summary="Show a recorded request as it came and as a model would get it.",
        usage="anyclaude prompt --show [FLAGS] [FILE]",
        words=("prompt", "--show"),  # `prompt` alone may be meant for the model
        flags=("diet",),
        options=(
            Option(name="--show", meaning="Write the prompt before and after, with figures for each step."),
            Option(name="file", metavar="FILE", meaning="The body of a Messages request. Default: standard input (-)."),
        ),
    ),
    Command(
        name="explain",
        module="anyclaude.cli.explain",
        summary="Explain why a turn took so long: the newest one, or REQUEST.",
        usage="anyclaude explain [FLAGS] [REQUEST]",
        words=("explain",),
        flags=(),
        options=(
            Option(name="request", metavar="REQUEST", meaning="A request id or message id, or its beginning."),
            Option(name="--last", metavar="N", meaning="List the last N exchanges instead, one line each."),
        ),
    ),
    Command(
        name="doctor",
        module="anyclaude.cli.doctor",
        summary="Show what computes, which flags would help your servers, and what their refusals have taught.",
        usage="anyclaude doctor [--forget] [SERVER]",
        words=("doctor",),  # the client's own is `anyclaude -- doctor`
        flags=(),
        options=(
            Option(name="server", metavar="SERVER", meaning="The address of a server, or `embedded`. Default: all."),
            Option(
                name="--forget", meaning="Forget what was learned: requests are sent as the server's kind describes."
            ),
        ),
    ),
    Command(
        name="tune",
        module="anyclaude.cli.tune",
        summary="Measure which options make the embedded engine fastest here, and keep them for the next launches.",
        usage="anyclaude tune [--minutes N] [--forget] [FLAGS]",
        words=("tune",),
        flags=("model", "context_tokens", "speculation", "kv_type", "threads"),
        options=(
            Option(name="--minutes", metavar="N", meaning="How long it may take. Default: 3."),
            Option(name="--forget", meaning="Forget what was found for the model; measure nothing."),
        ),
    ),
    Command(
        name="models",
        module="anyclaude.cli.models",
        summary="List the models of the server; with --recommended, models for coding that this machine can run.",
        usage="anyclaude models [--recommended] [FLAGS]",
        words=("models",),
        flags=("mode", "backend_url", "model", "opus_model", "sonnet_model", "haiku_model", "subagent_model"),
        options=(Option(name="--recommended", meaning="A table of models, with their size and what they need."),),
    ),
    Command(
        name="cache",
        module="anyclaude.cli.cache",
        summary="Show what is kept on the disk, with sizes; with --clear, remove it.",
        usage="anyclaude cache [--clear] [WHAT]",
        words=("cache",),
        flags=(),
        options=(
            Option(name="what", metavar="WHAT", meaning="One of the names in the list. Default: all but the logs."),
            Option(name="--clear", meaning="Remove it. Nothing is asked; logs are removed only if they are named."),
        ),
    ),
    Command(
        name="completion",
        module="anyclaude.cli.completion",
        summary="Write a script that completes anyclaude's words in bash, zsh or fish.",
        usage="anyclaude completion SHELL",
        words=("completion",),
        flags=(),
        options=(Option(name="shell", metavar="SHELL", meaning="bash, zsh or fish. Default: that of $SHELL."),),
        reads_settings=False,
    ),
    Command(
        name="version",
        module="anyclaude.cli.version",
        summary="Show anyclaude's version.",
        usage="anyclaude --version",
        switch="--version",
        reads_settings=False,
    ),
    Command(
        name="print-env",
        module="anyclaude.cli.print_env",
        summary="Show every variable that Claude Code would get, and why; start nothing.",
        usage="anyclaude --print-env [FLAGS] [ARGUMENTS FOR CLAUDE CODE]",
        switch="--print-env",
    ),
)
