"""Reads and removes flags in the client's arguments, as the client understands them."""

import re
from collections.abc import Sequence

from anyclaude.claude_code import PRINT_FLAGS

_PRINTS_IN_ONE = re.compile(r"-[chv]*p[chpv]*")
"""`-p` among other short switches, as in `-pc`."""


def flag_value(arguments: Sequence[str], flag: str) -> str | None:
    """Return the last value of a flag."""
    found = None
    options = before_separator(arguments)
    for index, argument in enumerate(options):
        if argument.startswith(f"{flag}="):
            found = argument.removeprefix(f"{flag}=")
        elif argument == flag and index + 1 < len(arguments):
            found = arguments[index + 1]
    return found


def without_flag(arguments: Sequence[str], flag: str) -> tuple[str, ...]:
    """Return the arguments without a flag and its value."""
    kept: list[str] = []
    options = before_separator(arguments)
    skip = False
    for argument in options:
        if skip:
            skip = False
        elif argument == flag:
            skip = True
        elif not argument.startswith(f"{flag}="):
            kept.append(argument)
    return (*kept, *arguments[len(options) :])


def before_separator(arguments: Sequence[str]) -> tuple[str, ...]:
    """Return the arguments before `--`, after which nothing is a flag."""
    return tuple(arguments[: arguments.index("--")] if "--" in arguments else arguments)


def prints(arguments: Sequence[str]) -> bool:
    """Return whether the client is told to answer one prompt and end, as it also does if stdout is no terminal."""
    return any(word in PRINT_FLAGS or _PRINTS_IN_ONE.fullmatch(word) for word in before_separator(arguments))
