"""Streams that are closed, a home folder that is not there, and a current folder that was deleted."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.parts.command import Command
from tests.parts.fake_client import client_report
from tests.parts.odd_places import Start, outcome

from anyclaude.cli.surroundings import current_folder, settle
from anyclaude.settings import NO_HOME, home_folder

ANYCLAUDE = (sys.executable, "-m", "anyclaude")

WITHOUT_A_NAME = """\
import pwd, sys
def unknown(uid):
    raise KeyError(f"getpwuid(): uid not found: {uid}")
pwd.getpwuid = unknown
from anyclaude.cli import main
main()
"""
"""The command for a user id that the system has no name for, as in a container that was started with a number."""

NOWHERE = "/proc/nothing"
"""A folder that not even root can create."""

GONE = "mkdir gone && cd gone && rmdir ../gone"


@pytest.mark.parametrize("closing", ["<&-", ">&-", "2>&-", "<&- >&-", "<&- 2>&-", "<&- >&- 2>&-"])
async def test_closed_streams_are_no_error_and_the_client_gets_the_null_device(command: Command, closing: str) -> None:
    ended = await outcome(command, ANYCLAUDE, Start(("-p", "exit-7"), prelude=f"exec {closing}"))

    assert ended.status == 7
    assert ended.said == []
    if ended.out:
        assert not client_report(ended.out.splitlines()[0]).stdin_is_terminal


needs_a_full_device = pytest.mark.skipif(
    not Path("/dev/full").exists(), reason="there is no device that is always full"
)


@needs_a_full_device
@pytest.mark.parametrize("words", [("--help",), ("--version",), ("--print-env",)])
async def test_an_output_that_cannot_be_written_is_one_sentence(command: Command, words: tuple[str, ...]) -> None:
    ended = await outcome(command, ANYCLAUDE, Start(words, prelude="exec >/dev/full"))

    assert ended.status == 1
    assert ended.said == ["anyclaude: the output cannot be written: No space left on device"]


@needs_a_full_device
async def test_sentences_that_cannot_be_written_do_not_change_the_exit_status(command: Command) -> None:
    start = Start(("-p", "exit-7"), prelude="exec 2>/dev/full", environment={"TMPDIR": NOWHERE})

    ended = await outcome(command, ANYCLAUDE, start)

    assert ended.status == 7


@pytest.mark.parametrize("home", [None, ""])
async def test_without_a_home_folder_the_client_starts_and_one_sentence_says_what_to_set(
    command: Command, home: str | None
) -> None:
    python = (sys.executable, "-c", WITHOUT_A_NAME)

    ended = await outcome(command, python, Start(("-p", "exit-7"), environment={"HOME": home}))

    assert ended.status == 7
    assert client_report(ended.out.splitlines()[0]).environment["HOME"] == str(NO_HOME)
    assert len(ended.said) == 1
    assert "HOME is not set" in ended.err
    assert "ANYCLAUDE_LOG_DIR" in ended.err


async def test_without_home_the_folder_of_the_user_database_is_used(command: Command) -> None:
    log_dir = {"ANYCLAUDE_LOG_DIR": str(command.home / "logs"), "HOME": None}

    ended = await outcome(command, ANYCLAUDE, Start(("-p", "exit-0"), environment=log_dir))

    assert ended.said == []
    assert client_report(ended.out.splitlines()[0]).environment["HOME"] == str(home_folder({}))


async def test_a_folder_for_temporary_files_that_is_not_there_is_replaced_and_said_once(command: Command) -> None:
    ended = await outcome(command, ANYCLAUDE, Start(("-p", "exit-7"), environment={"TMPDIR": NOWHERE}))

    assert ended.status == 7
    assert "TMPDIR" not in client_report(ended.out.splitlines()[0]).environment
    assert len(ended.said) == 1
    assert "TMPDIR" in ended.err
    assert NOWHERE in ended.err


async def test_in_a_folder_that_was_deleted_only_the_client_does_not_start(command: Command) -> None:
    shown = await outcome(command, ANYCLAUDE, Start(("--print-env",), prelude=GONE))
    launched = await outcome(command, ANYCLAUDE, Start(("-p", "exit-0"), prelude=GONE))

    assert (shown.status, shown.err) == (0, "")
    assert "ANTHROPIC_MODEL=Qwen/Qwen3-8B" in shown.out
    assert (launched.status, launched.out) == (1, "")
    assert launched.said == [
        "anyclaude: The current folder was deleted or cannot be found. Change to another one, and start again"
    ]


NOT_TEXT = os.fsdecode(b"caf\xe9")
"""A name in Latin-1, as file systems and old terminals have them."""


@pytest.mark.parametrize(
    "locale",
    [
        {"LC_ALL": "C"},
        {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "C.UTF-8"},
        {"PYTHONIOENCODING": "ascii"},
    ],
)
@pytest.mark.parametrize(
    "words", [("--print-env", NOT_TEXT), ("-p", NOT_TEXT, "exit-0"), ("--append-system-prompt", NOT_TEXT)]
)
async def test_words_names_and_folders_that_are_not_text_are_no_error(
    command: Command, locale: Mapping[str, str], words: tuple[str, ...]
) -> None:
    folder = command.home / NOT_TEXT
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this file system has only names that are text")

    ended = await outcome(
        command, ANYCLAUDE, Start(words, environment={**locale, "MINE": NOT_TEXT, "HOME": str(folder)}, folder=folder)
    )

    assert (ended.status, ended.said) == (0, [])


def test_what_can_be_used_is_left_as_it_is(tmp_path: Path) -> None:
    environment = {"HOME": "/home/someone", "TMPDIR": str(tmp_path)}
    settle(environment, pytest.fail)

    assert environment == {"HOME": "/home/someone", "TMPDIR": str(tmp_path)}
    assert list(tmp_path.iterdir()) == []


def test_the_current_folder_is_an_empty_path_when_it_was_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.chdir(folder)
    before = current_folder()
    folder.rmdir()

    assert before == folder
    assert current_folder() == Path()
