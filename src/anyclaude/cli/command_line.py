"""
Splits the command line: which words are ours, and which are Claude Code's.

Click cannot do this: it would take `-pc` apart, stop at what it does not know, and swallow `--`.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from anyclaude.errors import InvalidSetting
from anyclaude.launcher.client.arguments import SUBCOMMANDS

Command: TypeAlias = Literal["serve", "prompt", "explain"]
"""What anyclaude does besides starting the client."""

COMMANDS: tuple[tuple[Command, tuple[str, ...]], ...] = (
    ("serve", ("serve",)),
    ("prompt", ("prompt", "--show")),
    ("explain", ("explain",)),
)
"""The words that ask for each.  `prompt` alone is as good a first word to the client as any."""

FIRST_ONLY = frozenset({"--help", "--version"})
"""Ours only before every word of the client's: `anyclaude mcp --help` asks the client."""


class CommandLine(Struct, frozen=True):
    """Our flags, the client's arguments in their order, and what is to be done instead of starting the client."""

    ours: tuple[str, ...] = ()
    client: tuple[str, ...] = ()
    command: Command | None = None


def split_command_line(arguments: Sequence[str], flags: Mapping[str, bool]) -> CommandLine:
    """
    Return whose each argument is; `flags` are ours, and whether each takes a value.

    Every argument that is none of ours reaches the client as it is.  `--` ends our flags; it is ours, and dropped,
    only if nothing of the client's comes before it.  So do the client's own commands (`mcp`, `plugin`, …).
    Raises `InvalidSetting` for a flag without its value.
    """
    ours: list[str] = []
    client: list[str] = []
    rest = list(arguments)
    while rest and not (client and client[0] in SUBCOMMANDS):
        word = rest.pop(0)
        if word == "--":
            client += ["--"] if client else []
            break
        if not _is_ours(word, flags, is_first=not client):
            client.append(word)
            continue
        ours.append(word)
        if flags[word.partition("=")[0]] and "=" not in word:
            if not rest:
                raise InvalidSetting(f"{word} needs a value")
            ours.append(rest.pop(0))
    return _command(ours, [*client, *rest], leads_with_ours="--" not in arguments[:1])


def _is_ours(word: str, flags: Mapping[str, bool], *, is_first: bool) -> bool:
    name, equals, _ = word.partition("=")
    if name not in flags or (equals and not flags[name]):
        return False
    return is_first or name not in FIRST_ONLY


def _command(ours: list[str], client: list[str], *, leads_with_ours: bool) -> CommandLine:
    for command, words in COMMANDS:
        if leads_with_ours and tuple(client[: len(words)]) == words:
            return CommandLine((*ours, *client[1:]), command=command)
    return CommandLine(tuple(ours), tuple(client))
