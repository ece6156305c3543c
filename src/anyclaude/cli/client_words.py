"""
Reads the words for Claude Code as it reads them itself: its flags, their values, and the other words.

Tried with Claude Code 2.1.332; a flag that it does not have, one of a newer release, is taken for one without a value.
"""

import re
from collections.abc import Sequence

from msgspec import Struct

from anyclaude.claude_code import (
    FLAGS,
    FLAGS_WITH_OPTIONAL_VALUE,
    FLAGS_WITH_VALUE,
    FLAGS_WITH_VALUES,
    INFORMATION_FLAGS,
    MODEL_SUBCOMMANDS,
    PRINT_FLAGS,
    SUBCOMMANDS,
)

_FLAGS_IN_ONE = re.compile(r"-[chpv]{2,}")
"""Several short switches in one word, as `-pc`."""


class ClientWords(Struct, frozen=True):
    """
    The client's words, taken apart.

    `flags` are the names of those before `--` and before the client's own command; `others` are the words that are no
    flags and no values of flags, and all that follows its command.
    """

    flags: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def subcommand(self) -> str | None:
        """The client's own command that is called, if one is; with `--print` its name is a prompt."""
        first = next(iter(self.others), None)
        return first if first in SUBCOMMANDS and not self.prints else None

    @property
    def prints(self) -> bool:
        """Whether it is to answer and end."""
        return not PRINT_FLAGS.isdisjoint((*self.flags, *_before_separator(self.others)))


def read_client_words(words: Sequence[str]) -> ClientWords:
    """Take the client's words apart."""
    flags: list[str] = []
    others: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--" or (not others and word in SUBCOMMANDS):
            others += rest if word == "--" else [word, *rest]
            break
        if not _is_flag(word):
            others.append(word)
            continue
        name, equals, _ = word.partition("=")
        flags += [f"-{letter}" for letter in name[1:]] if _FLAGS_IN_ONE.fullmatch(name) else [name]
        del rest[: 0 if equals else _count_of_values(name, rest)]
    return ClientWords(tuple(flags), tuple(others))


def talks_to_a_model(words: Sequence[str]) -> bool:
    """
    Return whether a client with these words starts a session, or may start one.

    It may with a flag of a newer release before its own command: that word may be the flag's value.
    """
    read = read_client_words(words)
    if not INFORMATION_FLAGS.isdisjoint(read.flags):
        return False
    if read.subcommand is None or not FLAGS.issuperset(read.flags):
        return True
    rest = _before_separator(read.others)
    if not {"-h", "--help"}.isdisjoint(rest) or (read.subcommand == "agents" and "--json" in rest):
        return False
    return any(read.others[: len(command)] == command for command in MODEL_SUBCOMMANDS)


def _is_flag(word: str) -> bool:
    return word.startswith("-") and word != "-"


def _count_of_values(name: str, rest: Sequence[str]) -> int:
    """Return how many of the words after a flag are its values."""
    if name in FLAGS_WITH_VALUE:
        return min(1, len(rest))
    if name in FLAGS_WITH_OPTIONAL_VALUE:
        return int(bool(rest) and not rest[0].startswith("-"))
    if name in FLAGS_WITH_VALUES:
        return next((count for count, word in enumerate(rest) if count and _is_flag(word)), len(rest))
    return 0


def _before_separator(words: Sequence[str]) -> Sequence[str]:
    return words[: words.index("--")] if "--" in words else words
