"""Runs the coroutine of a command: the folder for logs, the event loop, and the signals that end it."""

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import TypeAlias

from anyclaude.descriptors import allow_many_descriptors
from anyclaude.freed_memory import return_freed_blocks
from anyclaude.launcher import SIGNAL_STATUS, Signals, Terminal
from anyclaude.secret import masked
from anyclaude.settings import Settings
from anyclaude.storage import open_private_append
from anyclaude.worker_threads import switch_often

from .log_folder import usable_log_folder

try:
    import uvloop
except ImportError:  # uvloop does not support every platform
    LOOP: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
else:
    LOOP = uvloop.new_event_loop

Work: TypeAlias = Callable[[Settings, Signals], Coroutine[None, None, int]]


def run_until_complete(work: Work, settings: Settings) -> int:
    """
    Run a command's coroutine, and return its exit status, or the one that a shell gives to the ending signal.

    It gets the settings with a log folder that can be written.
    """
    switch_often()
    allow_many_descriptors()
    return_freed_blocks()
    with usable_log_folder(settings, _say) as usable:
        _log_to_file(usable)
        with asyncio.Runner(loop_factory=LOOP) as runner:
            return runner.run(_watched(partial(work, usable)))


async def _watched(work: Callable[[Signals], Coroutine[None, None, int]]) -> int:
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


def _log_to_file(settings: Settings) -> None:
    """Send what libraries log to a file, and nowhere if that fails: the client owns the terminal."""
    logging.raiseExceptions = False  # a full disk would otherwise be reported there, for every line
    handler: logging.Handler = logging.NullHandler()
    with suppress(OSError):
        if settings.keeps_logs:
            descriptor = open_private_append(settings.log_dir / "logs" / "anyclaude.log")
            handler = logging.StreamHandler(os.fdopen(descriptor, "a", encoding="utf-8", errors="backslashreplace"))
    handler.setFormatter(_MaskingFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.captureWarnings(capture=True)
    sys.unraisablehook = _log_unraisable
    threading.excepthook = _log_of_thread


class _MaskingFormatter(logging.Formatter):
    """Formats a record without secrets; the libraries' texts, and tracebacks, repeat what servers have sent."""

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))


def _log_unraisable(what: "sys.UnraisableHookArgs") -> None:
    """Log an exception that cannot be raised, such as one in a destructor; Python would write it to the terminal."""
    logging.getLogger(__name__).warning("error in %r", what.object, exc_info=what.exc_value)


def _log_of_thread(what: "threading.ExceptHookArgs") -> None:
    logging.getLogger(__name__).error("error in a thread", exc_info=what.exc_value)


def _say(text: str) -> None:
    Terminal(sys.stderr).say(f"anyclaude: {text}")
