"""Directs SIGINT, SIGTERM and SIGHUP to the part of a launch that they concern at the time."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

HANDLED = tuple(number for number in signal.Signals if number.name in {"SIGINT", "SIGTERM", "SIGHUP"})
"""Those that the system has: Windows has no SIGHUP."""


class Signals:
    """
    Calls the current handler for each signal; `received` is the first signal that ended something.

    Handlers, unlike ignored signals, are not inherited by the programs we start.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._handle: Callable[[signal.Signals], None] = _ignore
        self._announce: Callable[[], None] | None = None
        self.received: signal.Signals | None = None

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Handle the signals; the system's defaults would end this process without an orderly shutdown."""
        with ExitStack() as stack:
            for number in HANDLED:
                stack.enter_context(self._watched(number))
            yield

    @contextmanager
    def _watched(self, number: signal.Signals) -> Iterator[None]:
        try:
            self._loop.add_signal_handler(number, self._deliver, number)
        except NotImplementedError:  # Windows
            before = signal.signal(number, lambda *_: self._loop.call_soon_threadsafe(self._deliver, number))
            try:
                yield
            finally:
                signal.signal(number, before)
            return
        try:
            yield
        finally:
            self._loop.remove_signal_handler(number)

    @contextmanager
    def directed_to(self, handle: Callable[[signal.Signals], None]) -> Iterator[None]:
        """Let `handle` be the handler for the duration of the context."""
        before, self._handle = self._handle, handle
        try:
            yield
        finally:
            self._handle = before

    @contextmanager
    def announced_to(self, announce: Callable[[], None]) -> Iterator[None]:
        """Call `announce` at every signal, before its handler, for the duration of the context."""
        self._announce = announce
        try:
            yield
        finally:
            self._announce = None

    def note(self, number: signal.Signals) -> None:
        """Record the signal that ends this run."""
        self.received = self.received or number

    def _deliver(self, number: signal.Signals) -> None:
        if self._announce is not None:
            self._announce()
        self._handle(number)


def _ignore(number: signal.Signals) -> None:
    """Ignore a signal: the shutdown it asks for has begun."""
