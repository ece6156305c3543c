"""How lines are written to a terminal, and to anything else."""

import io

import pytest

from anyclaude.cli.screen import Screen

TEXT = "one two three four five six seven"


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        """Return true."""
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Terminal()


def test_a_pipe_gets_whole_lines_without_colour() -> None:
    out = io.StringIO()
    screen = Screen(out)
    screen.paragraph("label", TEXT, "red")
    screen.line("x" * 500, "bold")

    assert out.getvalue() == f"{'label':<18}{TEXT}\n{'x' * 500}\n"


def test_a_terminal_gets_paragraphs_wrapped_beside_their_label_and_in_colour(terminal: Terminal) -> None:
    Screen(terminal).paragraph("label", TEXT, "red")

    first, second = terminal.getvalue().splitlines()
    assert first == f"{'label':<18}\x1b[31mone two three four\x1b[0m"
    assert second == f"{'':<18}\x1b[31mfive six seven\x1b[0m"


def test_a_terminal_gets_lines_cut_at_its_width(terminal: Terminal) -> None:
    Screen(terminal).line("x" * 500)

    assert terminal.getvalue() == "x" * 40 + "\n"


@pytest.mark.parametrize(("variable", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_a_terminal_without_colours_gets_none(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    Screen(terminal).line("text", "bold")

    assert terminal.getvalue() == "text\n"


def test_the_narrowest_terminal_still_gets_the_text(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "5")
    Screen(terminal).paragraph("label", "one two", "")

    assert terminal.getvalue() == f"{'label':<18}one two\n"
