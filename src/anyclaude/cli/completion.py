"""
`anyclaude completion SHELL`: a script for the shell, made from the tables of commands and settings.

Of Claude Code it knows the commands and the flags of the release that is tested (`claude_code.py`).
"""

import sys
from collections.abc import Iterable, Mapping
from pathlib import PurePath

from msgspec import Struct

from anyclaude.claude_code import FLAGS, SUBCOMMANDS
from anyclaude.errors import InvalidSetting
from anyclaude.settings import setting_named

from .commands import COMMANDS, Call, Command

FILES = frozenset({"FILE", "FOLDER"})
"""What stands for a path in a usage."""

OWN_CHOICES: dict[str, tuple[str, ...]] = {
    "SHELL": ("bash", "zsh", "fish"),
    "WHAT": ("states", "models", "client", "prompts", "calls", "learned", "speeds", "logs"),
}
"""The values of arguments of single commands, by what stands for them in the usage."""


class Completed(Struct, frozen=True):
    """What is completed after the words of one command; `values` are those of flags, empty for a path or free text."""

    word: str
    flags: tuple[str, ...]
    arguments: tuple[str, ...]
    values: Mapping[str, tuple[str, ...]]
    paths: tuple[str, ...]


def run(call: Call) -> int:
    """
    Write the script.

    Raises:
        InvalidSetting: when it is no shell that is known.
    """
    shell = call.options.get("shell") or PurePath(call.environment.get("SHELL", "")).name
    writers = {"bash": bash_script, "zsh": zsh_script, "fish": fish_script}
    if shell not in writers:
        raise InvalidSetting(f"there is no completion for {shell!r}; name one of {', '.join(writers)}")
    sys.stdout.write(writers[shell](COMMANDS))
    return 0


def completed(commands: Iterable[Command]) -> tuple[Completed, ...]:
    """Return what is completed for each command; the first, without a word, is for a launch."""
    rows = [_completed(command) for command in commands if command.is_default or command.words]
    first = next(row for row in rows if not row.word)
    switches = {command.switch for command in commands if command.switch}
    words = {row.word for row in rows if row.word}
    launch = Completed(
        "",
        tuple(sorted({*first.flags, *switches, *FLAGS})),
        tuple(sorted({*words, *SUBCOMMANDS, "help"})),
        first.values,
        first.paths,
    )
    return (launch, *(row for row in rows if row.word))


def _completed(command: Command) -> Completed:
    settings = {flag: setting for name in command.flags if (flag := (setting := setting_named(name)).flag)}
    options = {option.name: option for option in command.options}
    metavars = {flag: setting.metavar for flag, setting in settings.items()}
    metavars |= {name: option.metavar for name, option in options.items() if option.metavar}
    values = {flag: setting.allowed_values for flag, setting in settings.items()}
    values |= {name: OWN_CHOICES.get(option.metavar, ()) for name, option in options.items() if option.metavar}
    positional = [name for name in options if not name.startswith("--")]
    return Completed(
        command.words[0] if command.words else "",
        ("--help", *settings, *(name for name in options if name.startswith("--"))),
        tuple(value for name in positional for value in values[name]),
        {name: chosen for name, chosen in values.items() if name.startswith("--")},
        tuple(name for name, metavar in metavars.items() if metavar in FILES),
    )


def bash_script(commands: Iterable[Command]) -> str:
    """Return the script for bash, from 3.2 on, which macOS has."""
    rows = completed(commands)
    launch = rows[0]
    with_value = "|".join(sorted(launch.values))
    return f"""\
# completion for anyclaude, written by `anyclaude completion`
_anyclaude() {{
    local cur="${{COMP_WORDS[COMP_CWORD]}}" prev="${{COMP_WORDS[COMP_CWORD-1]}}" command="" i word
    if [ "$cur" = "=" ]; then cur=""; elif [ "$prev" = "=" ]; then prev="${{COMP_WORDS[COMP_CWORD-2]}}"; fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        word="${{COMP_WORDS[i]}}"
        case "$word" in
            {with_value}) if [ "${{COMP_WORDS[i+1]}}" = "=" ]; then i=$((i+2)); else i=$((i+1)); fi ;;
            -*|=) ;;
            *) command="$word"; break ;;
        esac
    done
    COMPREPLY=()
    case "$command $prev" in
{_bash_values(rows)}
    esac
    case "$command" in
{_bash_words(rows)}
        *) COMPREPLY=( $(compgen -f -- "$cur") ) ;;
    esac
}}
complete -o bashdefault -o default -F _anyclaude anyclaude
"""


def _bash_values(rows: Iterable[Completed]) -> str:
    lines: list[str] = []
    for row in rows:
        for flag, values in row.values.items():
            action = f'-W "{" ".join(values)}"' if values else "-f" if flag in row.paths else '-W ""'
            lines.append(f'        "{row.word} {flag}") COMPREPLY=( $(compgen {action} -- "$cur") ); return ;;')
    return "\n".join(lines)


def _bash_words(rows: Iterable[Completed]) -> str:
    lines: list[str] = []
    for row in rows:
        words = f'-W "{" ".join((*row.arguments, *row.flags))}"'
        files = " -f" if any(not path.startswith("--") for path in row.paths) else ""
        lines.append(f'        "{row.word}") COMPREPLY=( $(compgen {words}{files} -- "$cur") ) ;;')
    return "\n".join(lines)


def zsh_script(commands: Iterable[Command]) -> str:
    """Return the script for zsh, which reads that for bash (zshcompsys(1), bashcompinit)."""
    return f"autoload -U +X bashcompinit && bashcompinit\n{bash_script(commands)}"


def fish_script(commands: Iterable[Command]) -> str:
    """Return the script for fish."""
    rows = completed(commands)
    own = " ".join(row.word for row in rows if row.word)
    subcommands = " ".join((own, *sorted(SUBCOMMANDS)))
    no_command = f"not __fish_seen_subcommand_from {subcommands}"
    lines = [
        "# completion for anyclaude, written by `anyclaude completion`",
        f"complete -c anyclaude -n '{no_command}' -a '{' '.join(rows[0].arguments)}'",
    ]
    for row in rows:
        when = f"__fish_seen_subcommand_from {row.word}" if row.word else no_command
        if row.word and row.arguments:
            lines.append(f"complete -c anyclaude -f -n '{when}' -a '{' '.join(row.arguments)}'")
        for flag in row.flags:
            lines.append(f"complete -c anyclaude -n '{when}' {_fish_flag(flag, row)}")
    return "\n".join(lines) + "\n"


def _fish_flag(flag: str, row: Completed) -> str:
    name = f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" if len(flag) == 2 else f"-o {flag[1:]}"
    values = row.values.get(flag)
    if values is None:
        return name
    if values:
        return f"{name} -x -a '{' '.join(values)}'"
    return f"{name} -r -F" if flag in row.paths else f"{name} -x"
