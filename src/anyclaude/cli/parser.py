"""The parser and the help of each command, made from the tables of settings and commands."""

import shutil
from argparse import SUPPRESS, ArgumentParser, RawDescriptionHelpFormatter, _ArgumentGroup
from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import NoReturn

from msgspec import Struct

from anyclaude.errors import InvalidSetting
from anyclaude.settings import GROUPS, Setting, flag_named, setting_named

from .commands import Command, Option
from .mistakes import unknown_words

WIDEST = 100
"""The longest line of a help text that is still easy to read."""

INDENT = 27
"""The column at which the meanings begin."""


HELP_FLAGS = ("-h", "--help")


class Parsed(Struct, frozen=True):
    """The values of flags that set settings, and of the command's own options, both by name."""

    settings: Mapping[str, str]
    options: Mapping[str, str]


class _Formatter(RawDescriptionHelpFormatter):
    """Keeps the paragraphs of a description, and lines within a width that is easy to read."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=INDENT, width=_width())


class _Parser(ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """
        Report a wrong word in the way of all wrong settings.

        Raises:
            InvalidSetting: always.
        """
        raise InvalidSetting(f"{message}; see {self.prog} --help")


def own_flags(commands: Sequence[Command]) -> dict[str, bool]:
    """Return anyclaude's flags between the words for the client, each with whether it takes a value."""
    default = next(command for command in commands if command.is_default)
    with_value = {flag: True for name in default.flags if (flag := setting_named(name).flag)}
    switches = {command.switch: False for command in commands if command.switch}
    return {**with_value, **switches, **dict.fromkeys(HELP_FLAGS, False)}


def parse(command: Command, words: Sequence[str], commands: Sequence[Command]) -> Parsed:
    """
    Return what the words for a command contain.

    Raises:
        InvalidSetting: for a word that it does not take.
    """
    namespace, unknown = _parser(command, commands).parse_known_args(_joined(command, words))
    if unknown:
        known = (*map(flag_named, command.flags), *(option.name for option in command.options), "--help")
        raise InvalidSetting(unknown_words(unknown, words, command, known))
    values: dict[str, str] = vars(namespace)
    own = [_key(option) for option in command.options]
    return Parsed(
        {name: value for name, value in values.items() if name in command.flags},
        {name: value for name, value in values.items() if name in own},
    )


def help_text(command: Command, commands: Sequence[Command]) -> str:
    """Return the help of a command; that of the default command lists the others."""
    parser = _parser(command, commands)
    paragraphs = [fill(command.summary, _width())]
    if command.is_default:
        paragraphs += [
            fill(
                "Every other argument goes to Claude Code unchanged; after `--` all arguments do. Its own commands "
                "(`mcp`, `plugin`, `update`, …) and `-v` start it alone.",
                _width(),
            ),
            "commands:\n" + "\n".join(_listed(other) for other in commands if other.words),
        ]
    parser.description = "\n\n".join(paragraphs)
    parser.epilog = fill(_ABOUT_SETTINGS, _width())
    return parser.format_help()


_ABOUT_SETTINGS = (
    "Each setting can also be chosen by an environment variable (--mode: ANYCLAUDE_MODE) or by a key in "
    "~/.anyclaude/config.toml (mode). docs/settings.md lists all of them, with those that have no flag."
)


def _parser(command: Command, commands: Sequence[Command]) -> ArgumentParser:
    parser = _Parser(
        prog=" ".join(("anyclaude", *command.words[:1])),
        usage=command.usage,
        formatter_class=_Formatter,
        add_help=False,
        allow_abbrev=False,
        argument_default=SUPPRESS,
    )
    own = parser.add_argument_group("arguments")
    for option in command.options:
        _add_option(own, option)
    for other in commands if not command.words else ():
        if other.switch:
            own.add_argument(other.switch, action="store_true", help=_escaped(other.summary))
    own.add_argument(*HELP_FLAGS, action="store_true", help="Show this help.")
    for group in GROUPS:
        titled = parser.add_argument_group(group.title.lower())
        for setting in group.settings:
            if setting.name in command.flags:
                flag, meaning = flag_named(setting.name), _meaning(setting)
                titled.add_argument(flag, dest=setting.name, metavar=setting.metavar, help=meaning)
    return parser


def _add_option(group: _ArgumentGroup, option: Option) -> None:
    meaning = _escaped(option.meaning)
    if not option.name.startswith("--"):
        group.add_argument(option.name, metavar=option.metavar, nargs="?", help=meaning)
    elif option.metavar:
        group.add_argument(option.name, dest=_key(option), metavar=option.metavar, help=meaning)
    else:
        group.add_argument(option.name, dest=_key(option), action="store_const", const="", help=meaning)


def _joined(command: Command, words: Sequence[str]) -> list[str]:
    """Join each flag to its value, which may look like a flag itself."""
    with_value = {flag_named(name) for name in command.flags}
    with_value |= {option.name for option in command.options if option.name.startswith("--") and option.metavar}
    joined: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        joined.append(f"{word}={rest.pop(0)}" if word in with_value and rest else word)
    return joined


def _key(option: Option) -> str:
    return option.name.removeprefix("--")


def _meaning(setting: Setting) -> str:
    allowed = f" Allowed: {setting.allowed_text}." if setting.allowed or setting.allowed_values else ""
    return _escaped(f"{setting.meaning}{allowed} Default: {setting.default_text}.")


def _escaped(text: str) -> str:
    """Return a text for argparse, which replaces `%(…)s`."""
    return text.replace("%", "%%")


def _listed(command: Command) -> str:
    """Return a line on a command: the words that call it, and what it does."""
    words = f"  {' '.join(('anyclaude', *command.words)):<{INDENT - 4}}  "
    return fill(command.summary, _width(), initial_indent=words, subsequent_indent=" " * INDENT)


def _width() -> int:
    return min(shutil.get_terminal_size().columns, WIDEST)
