"""Sentences and bars on stderr."""

import io
from pathlib import Path

import pytest

from anyclaude.launcher.terminal import Terminal


class Screen(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        """Return true."""
        return True


@pytest.mark.parametrize("total", [None, 100])
def test_a_step_is_one_sentence_if_stderr_is_not_a_terminal(total: int | None) -> None:
    stream = io.StringIO()
    terminal = Terminal(stream)

    terminal.started("Downloading [model]", total)
    terminal.advanced(50)
    terminal.finished()

    assert stream.getvalue() == "Downloading [model].\n"


def test_on_a_terminal_a_step_of_known_size_is_a_sentence_and_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Screen()
    terminal = Terminal(stream)

    terminal.started("Downloading", 1_000_000)
    terminal.advanced(1_000_000)
    terminal.finished()

    assert stream.getvalue().startswith("Downloading.\n")
    assert "1.0/1.0 MB" in stream.getvalue()


def test_sentences_are_written_unchanged() -> None:
    stream = io.StringIO()

    Terminal(stream).say("[bold]no markup[/bold] " + "x" * 300)

    assert stream.getvalue() == "[bold]no markup[/bold] " + "x" * 300 + "\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_stream_that_cannot_be_written_does_not_stop_the_work() -> None:
    full = Path("/dev/full").open("w")  # noqa: SIM115  # closing it is what fails
    Terminal(full).say("Downloading")

    with pytest.raises(OSError, match="No space left"):
        full.close()
