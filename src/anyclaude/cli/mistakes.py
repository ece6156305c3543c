"""
Refuses words that would start a model, and are most likely a mistake: `serv`, `models`, `--mdoe`.

Flags of Claude Code are never refused, nor is a flag that resembles none of anyclaude's: a newer release may have it.
"""

import re
import shlex
from collections.abc import Iterable, Sequence

from anyclaude.claude_code import FLAGS, SUBCOMMANDS
from anyclaude.errors import InvalidSetting
from anyclaude.settings import SETTINGS, flag_named, nearest_name

from .client_words import ClientWords, read_client_words
from .command_line import FLAG_OF_WORD
from .commands import Command

LIKE_A_COMMAND = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
"""A word that may be meant for a command; `/init`, `why?` and words of other scripts are prompts."""

MEANT: dict[str, str] = {
    "chat": "anyclaude",
    "clean": "anyclaude cache --clear",
    "clear": "anyclaude cache --clear",
    "config": "anyclaude --print-env",
    "continue": "anyclaude --continue",
    "download": "anyclaude models --recommended",
    "init": "anyclaude /init",
    "list": "anyclaude models",
    "login": "anyclaude auth login",
    "logout": "anyclaude auth logout",
    "ls": "anyclaude models",
    "pull": "anyclaude models --recommended",
    "resume": "anyclaude --resume",
    "run": "anyclaude",
    "settings": "anyclaude --print-env",
    "start": "anyclaude",
    "stats": "anyclaude explain --last 20",
    "status": "anyclaude models",
    "usage": "anyclaude explain --last 20",
}
"""What is meant by words that are commands of other programs."""


def refuse_mistakes(words: Sequence[str], commands: Sequence[Command]) -> None:
    """
    Refuse words for a session that are no flag of the client's and no prompt.

    Raises:
        InvalidSetting: with what was probably meant, and how to send the words to the model.
    """
    read = read_client_words(words)
    for flag in read.flags:
        _refuse_flag(flag, commands)
    if read.prints or not FLAGS.isdisjoint(read.flags):
        return
    first = next(iter(words), "")  # after an unknown flag, a word may be its value
    if LIKE_A_COMMAND.fullmatch(first) and first not in SUBCOMMANDS:
        raise InvalidSetting(f"there is no command {first!r}{_command_meant(first, commands)} {_way_on(read)}")


def unknown_words(unknown: Sequence[str], words: Sequence[str], command: Command, known: Iterable[str]) -> str:
    """Return what is wrong with the words of a command, of which it does not take some, and what may be meant."""
    near = [name for word in unknown if word.startswith("-") and (name := nearest_name(word.partition("=")[0], known))]
    meant = f"did you mean {' '.join(near)}? See" if near else "see"
    called = ("anyclaude", *command.words[:1])
    text = f"unrecognized arguments: {' '.join(unknown)}; {meant} {' '.join(called)} --help"
    if command.words and not any(word.startswith("-") for word in words):
        text += f". To send this to the model: anyclaude -p {shlex.quote(' '.join((*command.words[:1], *words)))}"
    return text


def _refuse_flag(flag: str, commands: Sequence[Command]) -> None:
    if flag in FLAGS or len(flag) <= len("-x"):
        return
    switches = {command.switch for command in commands if command.switch}
    if flag in switches:
        raise InvalidSetting(f"{flag} takes no value")
    settings = {flag_named(setting.name): setting for setting in SETTINGS}
    near = nearest_name(flag, {*settings, *switches, *FLAGS})
    if near is None or not (near in settings or near in switches or near == "--help"):
        return
    if near in settings and not settings[near].has_flag:
        if near in FLAGS:
            return
        setting = settings[near]
        in_file = "" if setting.is_secret else f", or {setting.name} in ~/.anyclaude/config.toml"
        raise InvalidSetting(f"{flag}: {setting.name} has no flag; set {setting.variable}{in_file}")
    raise InvalidSetting(
        f"there is no flag {flag}; did you mean {near}? To give it to Claude Code: anyclaude -- {flag} …"
    )


def _command_meant(word: str, commands: Sequence[Command]) -> str:
    calls = MEANT | {command.words[0]: f"anyclaude {' '.join(command.words)}" for command in commands if command.words}
    calls |= {name: f"anyclaude {name}" for name in (*SUBCOMMANDS, *FLAG_OF_WORD)}
    near = nearest_name(word, calls)
    return f"; did you mean {calls[near]}?" if near else "; anyclaude --help lists the commands."


def _way_on(read: ClientWords) -> str:
    """Return how to send the words to the model; of several, Claude Code reads only the first (2.1.332)."""
    prompt = shlex.quote(" ".join(read.others))
    return f"To send it to the model: anyclaude -p {prompt}, or in a session: anyclaude -- {prompt}"
