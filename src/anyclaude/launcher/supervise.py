"""
The client's process: started with our terminal, and ended if we are.

The client owns the terminal: it inherits all three streams and stays in our process group, so it is the foreground
program, receives Ctrl-C, and is hung up when the terminal is closed, as it would be without us.
"""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TypeAlias

from anyclaude.errors import ClientUnavailable

from .client.in_place import marked
from .signals import Signals

try:
    import termios
except ImportError:  # Windows: the client's console modes are its own affair
    HAS_TERMIOS = False
else:
    HAS_TERMIOS = True

TERMINATION_SECONDS = 5.0
"""How long the client may take to end after a signal; it saves its session at once (measured: well under 1 s)."""

SIGNAL_STATUS = 128
"""What shells add to the number of the signal that ended a program."""

TerminalModes: TypeAlias = list[int | list[bytes | int]]


@asynccontextmanager
async def running_client(
    command: Sequence[str],
    environment: Mapping[str, str],
    signals: Signals,
    termination_seconds: float = TERMINATION_SECONDS,
) -> AsyncIterator[Awaitable[int]]:
    """
    Start the client, and yield what returns its exit status when it has ended; leaving the context kills it.

    Its environment gets a mark by which another anyclaude knows that it runs in the client's place.  SIGTERM and SIGHUP
    are passed on to it, and after `termination_seconds` it is killed.  Raises `ClientUnavailable`.
    """
    modes = _terminal_modes()
    process = await _start(command, environment)
    ending = _Ending(process, signals, termination_seconds)
    ended = asyncio.create_task(_exit_status(process, signals, ending, modes))
    try:
        yield ended
    finally:
        _kill(process)
        await asyncio.wait((ended,))


async def _exit_status(process: Process, signals: Signals, ending: "_Ending", modes: TerminalModes | None) -> int:
    """Wait for the client's end, with all signals for it until then; then restore the terminal's modes."""
    try:
        with signals.directed_to(ending.on_signal):
            status = await process.wait()
    finally:
        _restore_terminal(modes)
    return SIGNAL_STATUS - status if status < 0 else status


class _Ending:
    """Handles SIGINT, SIGTERM and SIGHUP while the client runs."""

    def __init__(self, process: Process, signals: Signals, termination_seconds: float) -> None:
        self._process = process
        self._signals = signals
        self._termination_seconds = termination_seconds

    def on_signal(self, number: signal.Signals) -> None:
        """Pass on SIGTERM and SIGHUP, and kill the client after a while; Ctrl-C reaches it from the terminal."""
        if number == signal.SIGINT:
            return
        if self._signals.received is None:
            asyncio.get_running_loop().call_later(self._termination_seconds, _kill, self._process)
        self._signals.note(number)
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, number)  # `send_signal` may reap it, and asyncio then reports status 255


async def _start(command: Sequence[str], environment: Mapping[str, str]) -> Process:
    if not os.access(command[0], os.X_OK):
        raise ClientUnavailable(f"{command[0]} cannot be executed")
    try:
        return await asyncio.create_subprocess_exec(
            *_tied(command), env=marked(environment, command[0], parent=os.getpid())
        )
    except OSError as error:
        raise ClientUnavailable(f"{command[0]} cannot be executed: {error.strerror}") from error


def _kill(process: Process) -> None:
    """Kill the client and the processes it started."""
    if sys.platform == "win32":
        with suppress(ProcessLookupError):
            process.kill()
    elif process.returncode is None:
        for pid in (*_descendants(process.pid), process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _descendants(pid: int) -> list[int]:
    """Return the descendants of a process, if the system lists them in files (Linux, proc_pid_task(5))."""
    listed = [file.read_text() for file in Path(f"/proc/{pid}/task").glob("*/children")]
    children = [int(child) for text in listed for child in text.split()]
    return [below for child in children for below in (child, *_descendants(child))]


def _tied(command: Sequence[str]) -> tuple[str, ...]:
    """Return a command that also ends when we are killed with SIGKILL, if the system supports it."""
    if sys.platform != "linux":
        return tuple(command)
    tie = Path(__file__).with_name("tied_to_parent.py")
    return (sys.executable, "-I", "-S", str(tie), str(os.getpid()), *command)


def _restore_terminal(before: TerminalModes | None) -> None:
    """Give the terminal its modes back, which a client that was killed cannot do."""
    if before is not None and _terminal_modes() not in (None, before) and _is_foreground():
        with suppress(termios.error):
            termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, before)


def _terminal_modes() -> TerminalModes | None:
    if not HAS_TERMIOS:
        return None
    try:
        return termios.tcgetattr(sys.stdin.fileno())
    except (termios.error, OSError, ValueError):  # stdin is not a terminal, or closed
        return None


def _is_foreground() -> bool:
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except OSError:
        return False
