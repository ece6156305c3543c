"""What the shells complete."""

import shlex
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.parts.command import Command

from anyclaude.claude_code import SUBCOMMANDS
from anyclaude.cli.commands import COMMANDS
from anyclaude.cli.completion import OWN_CHOICES, bash_script, completed, fish_script, zsh_script
from anyclaude.launcher.caches import caches
from anyclaude.settings import MODES, SETTINGS, Settings

ASK = """\
source /dev/stdin
COMP_WORDS=("$@"); COMP_CWORD=$(($#-1)); _anyclaude; printf '%s\\n' "${COMPREPLY[@]}"
"""


def asked(*words: str) -> list[str]:
    """Return what bash completes for the last of the words after `anyclaude`."""
    command = ("bash", "--norc", "-c", ASK, "bash", "anyclaude", *words)
    done = subprocess.run(command, input=bash_script(COMMANDS), capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.split()


def test_commands_of_both_and_flags_come_first() -> None:
    words = asked("")

    assert {"serve", "models", "cache", "help", "mcp"} <= set(words)
    assert set(words) >= SUBCOMMANDS
    assert {row.flag for row in SETTINGS if row.flag} <= set(words)
    assert {"--print-env", "--version", "--continue"} <= set(words)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("mod",), ["models"]),
        (("--mode", "ll"), ["llamacpp"]),
        (("--mode", "=", "ll"), ["llamacpp"]),
        (("--mode", "="), [*MODES]),
        (("--port", "3", "serve", "--ho"), ["--host"]),
        (("--port", "=", "3", "serve", "--ho"), ["--host"]),
        (("serve", "--mode", "olla"), ["ollama"]),
        (("completion", ""), ["bash", "zsh", "fish", "--help"]),
        (("cache", "--clear", "lo"), ["logs"]),
        (("models", "--rec"), ["--recommended"]),
        (("--model", "ser"), []),
        (("explain", "--last", "s"), []),
    ],
)
def test_bash_completes_the_words_of_the_command(words: tuple[str, ...], expected: list[str]) -> None:
    assert asked(*words) == expected


def test_bash_completes_files_where_a_file_is_meant(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("x")
    (folder / "request.json").touch()

    assert asked("prompt", "--show", f"{folder}/req") == [f"{folder}/request.json"]
    assert asked("mcp", "add", f"{folder}/req") == [f"{folder}/request.json"]


@settings(max_examples=20, deadline=None)
@given(st.sampled_from([row for row in completed(COMMANDS) if row.word]), st.data())
def test_every_flag_of_every_command_is_completed(row: object, data: st.DataObject) -> None:
    one = next(found for found in completed(COMMANDS) if found == row)
    flag = data.draw(st.sampled_from(one.flags))

    assert flag in asked(one.word, flag)


def test_the_choices_are_those_of_the_commands() -> None:
    assert OWN_CHOICES["WHAT"] == tuple(cache.name for cache in caches(Settings()))


@pytest.mark.parametrize(("shell", "script"), [("zsh", zsh_script(COMMANDS)), ("fish", fish_script(COMMANDS))])
def test_the_other_shells_accept_their_script(shell: str, script: str) -> None:
    if (program := shutil.which(shell)) is None:
        pytest.skip(f"{shell} is not installed")
    done = subprocess.run([program, "-n"], input=script, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_the_lines_for_fish_name_every_command_and_every_choice() -> None:
    lines = [shlex.split(line) for line in fish_script(COMMANDS).splitlines() if not line.startswith("#")]
    modes = [line[line.index("-a") + 1] for line in lines if "mode" in line and "-a" in line]

    assert all(line[:3] == ["complete", "-c", "anyclaude"] for line in lines)
    assert modes and set(modes) == {" ".join(MODES)}
    assert {word for line in lines if "-a" in line for word in line[line.index("-a") + 1].split()} >= SUBCOMMANDS


async def test_the_shell_of_the_user_is_taken_if_none_is_named(command: Command) -> None:
    status, out, _ = await command.ran("completion", SHELL="/usr/bin/fish")
    refused, nothing, err = await command.ran("completion", "tcsh")

    assert (status, out) == (0, fish_script(COMMANDS))
    assert (refused, nothing) == (2, "")
    assert "bash, zsh, fish" in err
