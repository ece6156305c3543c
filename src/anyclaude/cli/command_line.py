"""
Splits the command line into anyclaude's words and Claude Code's.

A parser cannot do this: it would take `-pc` apart, stop at flags it does not know, and drop `--`.
"""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from anyclaude.claude_code import SUBCOMMANDS
from anyclaude.errors import InvalidSetting

from .client_words import read_client_words
from .commands import Command

FIRST_ONLY = frozenset({"-h", "--help", "--version"})
"""These are anyclaude's only before every word of the client's: `anyclaude mcp --help` is for the client."""

FLAG_OF_WORD = {"help": "--help", "version": "--version"}
"""Words that people write for a flag: `anyclaude help serve`."""


class CommandLine(Struct, frozen=True):
    """Anyclaude's words, the client's arguments in their order, and the command that was called by its words."""

    ours: tuple[str, ...] = ()
    client: tuple[str, ...] = ()
    command: str | None = None
    is_separated: bool = False
    """Whether `--` comes before the client's arguments: then all of them are meant for it."""


def split_command_line(arguments: Sequence[str], flags: Mapping[str, bool], commands: Sequence[Command]) -> CommandLine:
    """
    Split the arguments; `flags` are anyclaude's, each with whether it takes a value.

    Every other argument reaches the client unchanged.  `--` ends anyclaude's flags; it is dropped only if no word of
    the client's comes before it, and then no word after it is a command of anyclaude.  The client's own commands
    (`mcp`, `plugin`, …) end them too.

    Raises:
        InvalidSetting: when a flag that takes a value has none.
    """
    ours: list[str] = []
    client: list[str] = []
    rest = list(arguments)
    while rest and read_client_words(client).subcommand is None:
        word = rest.pop(0)
        if word == "--":
            if not client:
                return CommandLine(tuple(ours), tuple(rest), is_separated=True)
            client.append(word)
            break
        if not _is_ours(word, flags, is_first=not client):
            client.append(word)
            continue
        ours.append(word)
        if flags[word.partition("=")[0]] and "=" not in word:
            if not rest:
                raise InvalidSetting(f"{word} needs a value")
            ours.append(rest.pop(0))
    return _with_command(ours, [*client, *rest], commands)


def switches_in(words: Iterable[str], flags: Mapping[str, bool]) -> set[str]:
    """Return the words that are not the value of the flag before them, which may look like a flag itself."""
    rest = iter(words)
    found: set[str] = set()
    for word in rest:
        found.add(word)
        if flags.get(word):
            next(rest, None)
    return found


def _is_ours(word: str, flags: Mapping[str, bool], *, is_first: bool) -> bool:
    name, equals, _ = word.partition("=")
    if name not in flags or (equals and not flags[name]):
        return False
    return is_first or name not in FIRST_ONLY


def _with_command(ours: list[str], client: list[str], commands: Sequence[Command]) -> CommandLine:
    """Return the command that the client's first words call; what follows them is the command's then."""
    if client and (flag := FLAG_OF_WORD.get(client[0])) and _names_commands(client[1:2], commands):
        return _with_command([*ours, flag], client[1:], commands)
    for command in commands:
        if command.words and tuple(client[: len(command.words)]) == command.words:
            return CommandLine((*ours, *client[1:]), command=command.name)
    return CommandLine(tuple(ours), tuple(client))


def _names_commands(words: Sequence[str], commands: Sequence[Command]) -> bool:
    return all(
        word in {*SUBCOMMANDS, *FLAG_OF_WORD} or any(word in command.words[:1] for command in commands)
        for word in words
    )
