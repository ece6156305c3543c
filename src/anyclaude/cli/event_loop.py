"""Runs the coroutine of a command: the log file, the event loop, and the signals that end it."""

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TypeAlias

from anyclaude.launcher import SIGNAL_STATUS, Signals

try:
    import uvloop
except ImportError:  # uvloop does not support every platform
    LOOP: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
else:
    LOOP = uvloop.new_event_loop

Work: TypeAlias = Callable[[Signals], Coroutine[None, None, int]]


def run_until_complete(work: Work, log_folder: Path) -> int:
    """Run a command's coroutine, and return its exit status, or the one that a shell gives to the ending signal."""
    _log_to_file(log_folder)
    with asyncio.Runner(loop_factory=LOOP) as runner:
        return runner.run(_watched(work))


async def _watched(work: Work) -> int:
    """Do the work; a signal before or after the client's time cancels it, and everything is shut down in order."""
    signals = Signals(asyncio.get_running_loop())
    task = asyncio.ensure_future(work(signals))

    def cancel(number: signal.Signals) -> None:
        if signals.received is None or number == signal.SIGINT:  # a second Ctrl-C cuts the shutdown short
            task.cancel()
        signals.note(number)

    with signals.watched(), signals.directed_to(cancel):
        await asyncio.wait((task,))
    if task.cancelled() and signals.received is not None:
        return SIGNAL_STATUS + signals.received
    return task.result()


def _log_to_file(folder: Path) -> None:
    """Send what libraries log to a file: the client owns the terminal."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder / "anyclaude.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    logging.basicConfig(
        stream=os.fdopen(descriptor, "a", encoding="utf-8"),
        level=logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    logging.captureWarnings(capture=True)
