"""
The client's process: started with our terminal, and ended if we are.

The client owns the terminal: it inherits all three streams and stays in our process group, so it is the foreground
program, Ctrl-C is its business, and a closed terminal reaches it as it would without us.
"""

import asyncio
import os
import signal
import sys
import termios
from asyncio.subprocess import Process
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeAlias

from anyclaude.errors import ClientUnavailable

from .signals import Signals

TERMINATION_SECONDS = 5.0
"""How long the client may take to end after it was told to; it saves its session at once (measured: well under 1 s)."""

SIGNAL_STATUS = 128
"""What shells add to the number of the signal that ended a program."""

TerminalModes: TypeAlias = list[int | list[bytes | int]]


async def run_client(
    command: Sequence[str],
    environment: Mapping[str, str],
    signals: Signals,
    termination_seconds: float = TERMINATION_SECONDS,
) -> int:
    """Run the client until it ends, and return its exit status; SIGTERM and SIGHUP to us end it, politely at first."""
    with _terminal_kept():
        process = await _start(command, environment)
        try:
            with signals.directed_to(_Ending(process, signals, termination_seconds).on_signal):
                status = await process.wait()
        finally:
            _kill(process)
    return SIGNAL_STATUS - status if status < 0 else status


class _Ending:
    """What SIGINT, SIGTERM and SIGHUP do while the client runs."""

    def __init__(self, process: Process, signals: Signals, termination_seconds: float) -> None:
        self._process = process
        self._signals = signals
        self._termination_seconds = termination_seconds

    def on_signal(self, number: signal.Signals) -> None:
        """Pass on what asks for an end, and insist after a while; the terminal itself tells the client of Ctrl-C."""
        if number == signal.SIGINT:
            return
        if self._signals.received is None:
            asyncio.get_running_loop().call_later(self._termination_seconds, _kill, self._process)
        self._signals.note(number)
        with suppress(ProcessLookupError):
            self._process.send_signal(number)


async def _start(command: Sequence[str], environment: Mapping[str, str]) -> Process:
    if not os.access(command[0], os.X_OK):
        raise ClientUnavailable(f"{command[0]} cannot be started: it is gone, or no program")
    try:
        return await asyncio.create_subprocess_exec(*_tied(command), env=dict(environment))
    except OSError as error:
        raise ClientUnavailable(f"{command[0]} cannot be started: {error.strerror}") from error


def _kill(process: Process) -> None:
    """End the client and what it started, which it had no time to end itself."""
    if process.returncode is None:
        for pid in (*_descendants(process.pid), process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _descendants(pid: int) -> list[int]:
    """Return the processes below one, where the system lists them in files (Linux, proc_pid_task(5))."""
    listed = [file.read_text() for file in Path(f"/proc/{pid}/task").glob("*/children")]
    children = [int(child) for text in listed for child in text.split()]
    return [below for child in children for below in (child, *_descendants(child))]


def _tied(command: Sequence[str]) -> tuple[str, ...]:
    """Where the system can, let the client end even when we are killed with SIGKILL."""
    if sys.platform != "linux":
        return tuple(command)
    tie = Path(__file__).with_name("tied_to_parent.py")
    return (sys.executable, "-I", "-S", str(tie), str(os.getpid()), *command)


@contextmanager
def _terminal_kept() -> Iterator[None]:
    """Give the terminal its modes back where a client that was killed could not."""
    before = _terminal_modes()
    try:
        yield
    finally:
        if before is not None and _terminal_modes() not in (None, before) and _is_foreground():
            with suppress(termios.error):
                termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, before)


def _terminal_modes() -> TerminalModes | None:
    try:
        return termios.tcgetattr(sys.stdin.fileno())
    except (termios.error, OSError, ValueError):  # no terminal, or no stdin at all
        return None


def _is_foreground() -> bool:
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except OSError:
        return False
