"""The last safety net: a sentence, and the traceback in a private file."""

import stat
import sys
from pathlib import Path

import pytest
from tests.parts.command import Command
from tests.parts.odd_places import Start, outcome

from anyclaude.cli.crash import CRASHED, crash_sentence

BROKEN = """\
import sys
from anyclaude.cli import version
def broken(call):
    raise LookupError("an unexpected one")
version.run = broken
from anyclaude.cli import main
main()
"""
"""A command with a bug."""

PYTHON = (sys.executable, "-c", BROKEN)


async def test_an_unexpected_error_is_one_sentence_and_its_traceback_is_in_the_log(command: Command) -> None:
    ended = await outcome(command, PYTHON, Start(("--version",)))

    log = command.home / ".anyclaude" / "logs" / "anyclaude.log"
    assert (ended.status, ended.out) == (CRASHED, "")
    assert len(ended.said) == 1
    assert ended.err.startswith("anyclaude: ")
    assert "LookupError: an unexpected one (<string>, line 4)" in ended.err
    assert str(log) in ended.err
    assert "Traceback" in log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


async def test_the_traceback_is_in_a_temporary_file_if_there_is_no_folder_for_logs(command: Command) -> None:
    places = {"HOME": "/dev/null", "TMPDIR": str(command.home)}

    ended = await outcome(command, PYTHON, Start(("--version",), environment=places))

    (log,) = command.home.glob("anyclaude-*.log")
    assert ended.status == CRASHED
    assert str(log) in ended.err
    assert "Traceback" in log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


async def test_an_unexpected_error_is_a_sentence_where_nothing_can_be_written(command: Command) -> None:
    ended = await outcome(command, PYTHON, Start(("--version",), prelude="ulimit -f 0"))

    assert ended.status == CRASHED
    assert len(ended.said) == 1
    assert "could not be written" in ended.err


@pytest.mark.parametrize("text", ["", "with words", "caf\udce9", "several\nlines", "long " * 1000])
def test_an_error_with_any_text_has_a_sentence(tmp_path: Path, text: str) -> None:
    sentence = crash_sentence(ValueError(text), tmp_path)

    assert "ValueError" in sentence
    assert len(sentence.splitlines()) == 1
    assert len(sentence) < 1000
    assert (tmp_path / "anyclaude.log").stat().st_size


async def test_no_folder_is_made_for_a_setting_that_names_none(command: Command) -> None:
    named = {"ANYCLAUDE_LOG_DIR": "~nobody-of-this-name/logs"}

    ended = await outcome(command, PYTHON, Start(("--version",), environment=named))

    assert ended.status == CRASHED
    assert str(command.home / ".anyclaude" / "logs") in ended.err
    assert sorted(entry.name for entry in command.home.iterdir()) == [".anyclaude", "claude"]
