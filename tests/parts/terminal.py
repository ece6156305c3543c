"""A program in a terminal of its own, as a user starts an interactive client."""

import asyncio
import os
import pty
from asyncio.subprocess import Process
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

END_SECONDS = 60.0
"""How long a program may take to end after it was asked to."""


async def run_in_terminal(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    is_done: Callable[[], bool],
    timeout_seconds: float,
) -> str:
    """
    Run a program until it ends, or ask it to end once `is_done`; return what it has written.

    `is_done` is asked whenever the program writes, which one with a spinner does all the time.

    Raises:
        TimeoutError: when it is neither over nor done after `timeout_seconds`; it is killed.
    """
    controller, terminal = pty.openpty()
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            cwd=folder,
            env=dict(environment),
            start_new_session=True,
        )
    finally:
        os.close(terminal)
    screen = _Screen(controller, process, is_done)
    try:
        async with asyncio.timeout(timeout_seconds):
            await screen.closed.wait()
        async with asyncio.timeout(END_SECONDS):
            await process.wait()
    finally:
        screen.close()
        if process.returncode is None:
            process.kill()
            await process.wait()
    return screen.written.decode(errors="replace")


class _Screen:
    """Collects what a program writes, and asks it to end once it is done; `closed` is set when all of it is read."""

    def __init__(self, controller: int, process: Process, is_done: Callable[[], bool]) -> None:
        self._controller = controller
        self._process = process
        self._is_done = is_done
        self._is_asked_to_end = False
        self.written = bytearray()
        self.closed = asyncio.Event()
        asyncio.get_running_loop().add_reader(controller, self._read)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._controller)
        os.close(self._controller)

    def _read(self) -> None:
        try:
            self.written.extend(os.read(self._controller, 65_536))
        except OSError:  # no process has the terminal open
            asyncio.get_running_loop().remove_reader(self._controller)
            self.closed.set()
            return
        if not self._is_asked_to_end and self._is_done():
            self._is_asked_to_end = True
            self._process.terminate()
