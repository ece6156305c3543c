"""The recipe "add a command": one module with a function `run`, and one row in the table of commands."""

from pathlib import Path

import pytest

from anyclaude.cli.commands import COMMANDS, Command, Option
from anyclaude.cli.main import run

GREET = Command(
    name="greet",
    module="tests.recipes.greet",
    summary="Greet a person on behalf of the model.",
    usage="anyclaude greet [FLAGS] [NAME]",
    words=("greet",),
    flags=("model",),
    options=(
        Option(name="name", metavar="NAME", meaning="The person to greet."),
        Option(name="--loud", meaning="Greet in upper case."),
    ),
)


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A user without a configuration file."""
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["greet", "--model", "qwen3"], "qwen3 greets you"),
        (["--model=qwen3", "greet", "Ada"], "qwen3 greets Ada"),
        (["greet", "Ada", "--loud", "--model", "qwen3"], "QWEN3 GREETS ADA"),
    ],
)
def test_its_words_run_it_with_settings_and_options(
    words: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words, (*COMMANDS, GREET)) == 3
    assert capsys.readouterr() == (f"{text}\n", "")


def test_it_has_its_own_help_and_is_listed_in_the_general_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["greet", "--help"], (*COMMANDS, GREET)) == 0
    own = capsys.readouterr().out
    assert run(["--help"], (*COMMANDS, GREET)) == 0
    general = capsys.readouterr().out

    assert own.startswith("usage: anyclaude greet [FLAGS] [NAME]\n")
    assert "--loud" in own
    assert "--model NAME" in own
    assert "anyclaude greet" in general


def test_flags_of_other_commands_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["greet", "--port", "1"], (*COMMANDS, GREET)) == 2
    assert capsys.readouterr().err == "anyclaude: unrecognized arguments: --port; see anyclaude greet --help\n"


def test_without_its_row_its_word_is_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["greet"], COMMANDS) == 2
    assert "there is no command 'greet'" in capsys.readouterr().err
