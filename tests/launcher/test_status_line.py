"""The line that is written again and again."""

import fcntl
import io
import os
import pty
import struct
import termios
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.parts.manual_clock import ManualClock

from anyclaude.launcher.status_line import MIN_COLUMNS, PLAIN_SECONDS, REMOVE, StatusLine

XTERM = {"TERM": "xterm-256color"}


class Screen(io.StringIO):
    """A stream that is a terminal of the usual width."""

    def isatty(self) -> bool:
        """Return true."""
        return True


class Gone(Screen):
    """A terminal that was closed."""

    def write(self, text: str) -> int:
        """Fail, as the system does."""
        raise OSError(5, "Input/output error")


def line_on(stream: TextIO, clock: ManualClock | None = None, **environment: str) -> StatusLine:
    return StatusLine(stream, {**XTERM, **environment}, (clock or ManualClock()).seconds)


def visible(written: str) -> str:
    """Return what a terminal shows in its last line after this text."""
    return written.rpartition(REMOVE)[2].rpartition("\n")[2]


@pytest.mark.parametrize("environment", [{}, {"TERM": "dumb"}])
def test_a_stream_that_is_no_terminal_gets_the_sentences_alone(environment: dict[str, str]) -> None:
    stream, clock = io.StringIO(), ManualClock()
    line = line_on(stream, clock, **environment)
    line.show("10 %")
    clock.time += 100.0
    line.show("20 %")
    line.say("the server fails")
    line.end()

    assert stream.getvalue() == "the server fails\n"


def test_each_text_takes_the_place_of_the_last_one() -> None:
    stream = Screen()
    line = line_on(stream)
    line.show("evaluating: 100 %")
    line.show("done")

    assert visible(stream.getvalue()) == "done"


@given(st.lists(st.tuples(st.sampled_from(["show", "remove", "say"]), st.text("abc %", min_size=1, max_size=99))))
def test_nothing_is_left_of_the_line_when_it_is_removed(steps: list[tuple[str, str]]) -> None:
    stream = Screen()
    line = line_on(stream)
    for what, text in steps:
        match what:
            case "show":
                line.show(text)
            case "say":
                line.say(text)
            case _:
                line.remove()
    line.remove()
    written = stream.getvalue()

    assert visible(written) == ""
    assert [text for what, text in steps if what == "say"] == [
        row.rpartition(REMOVE)[2] for row in written.split("\n")[:-1]
    ]


def test_the_same_text_is_written_once() -> None:
    stream = Screen()
    line = line_on(stream)
    line.show("10 %")
    line.show("10 %")

    assert stream.getvalue().count("10 %") == 1


def test_after_its_end_the_line_does_not_come_back_but_sentences_are_written() -> None:
    stream = Screen()
    line = line_on(stream)
    line.show("10 %")
    line.end()
    line.show("20 %")
    line.say("a sentence")

    assert "20 %" not in stream.getvalue()
    assert stream.getvalue().endswith("a sentence\n")


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"TERM": ""}, {"NO_COLOR": "1"}])
def test_without_escape_sequences_a_line_is_written_now_and_then(environment: dict[str, str]) -> None:
    stream, clock = Screen(), ManualClock()
    line = line_on(stream, clock, **environment)
    for second in range(int(2 * PLAIN_SECONDS) + 1):
        line.show(f"{second} s")
        clock.time += 1.0
    line.remove()
    line.end()

    assert stream.getvalue() == "15 s\n30 s\n"


def test_a_terminal_that_is_gone_is_no_error() -> None:
    line = line_on(Gone())
    line.show("10 %")
    line.say("a sentence")
    line.end()


@dataclass(frozen=True)
class RealTerminal:
    """A pseudo-terminal: what a program writes to, and the other end."""

    stream: TextIO
    controller: int

    def set_columns(self, columns: int) -> None:
        """Set the width."""
        fcntl.ioctl(self.controller, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def written(self) -> str:
        """Return what was written."""
        return os.read(self.controller, 65_536).decode()


@pytest.fixture
def terminal() -> Iterator[RealTerminal]:
    """A pseudo-terminal without job control."""
    controller, terminal = pty.openpty()
    with os.fdopen(terminal, "w", encoding="utf-8") as stream:
        yield RealTerminal(stream, controller)
    os.close(controller)


@pytest.mark.parametrize("columns", [MIN_COLUMNS, 40, 79])
def test_a_long_text_is_cut_so_that_it_never_wraps(terminal: RealTerminal, columns: int) -> None:
    terminal.set_columns(columns)
    line_on(terminal.stream).show("x" * 200)

    shown = visible(terminal.written())
    assert len(shown) == columns - 1
    assert shown.endswith("...")


def test_a_very_narrow_terminal_has_no_line(terminal: RealTerminal) -> None:
    terminal.set_columns(MIN_COLUMNS - 1)
    line = line_on(terminal.stream)
    line.show("x" * 200)
    line.say("end")

    assert terminal.written() == "end\r\n"


def test_a_terminal_that_the_user_has_stopped_is_not_waited_for(terminal: RealTerminal) -> None:
    termios.tcflow(terminal.stream.fileno(), termios.TCOOFF)
    line = line_on(terminal.stream)
    line.show("10 %")
    termios.tcflow(terminal.stream.fileno(), termios.TCOON)
    line.say("end")

    assert terminal.written() == "end\r\n"
