"""What a signal means at each moment of a launch."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Signals:
    """
    Directs SIGINT, SIGTERM and SIGHUP to whoever they concern now; `received` is the first that ended something.

    Handlers, unlike ignored signals, are not inherited by the programs we start.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._handle: Callable[[signal.Signals], None] = _nothing
        self.received: signal.Signals | None = None

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Take the signals from the system's defaults, which would end us without tidying up."""
        for number in HANDLED:
            self._loop.add_signal_handler(number, self._deliver, number)
        try:
            yield
        finally:
            for number in HANDLED:
                self._loop.remove_signal_handler(number)

    @contextmanager
    def directed_to(self, handle: Callable[[signal.Signals], None]) -> Iterator[None]:
        """Let `handle` decide for the time of the block."""
        before, self._handle = self._handle, handle
        try:
            yield
        finally:
            self._handle = before

    def note(self, number: signal.Signals) -> None:
        """Remember the signal that ends this run."""
        self.received = self.received or number

    def _deliver(self, number: signal.Signals) -> None:
        self._handle(number)


def _nothing(number: signal.Signals) -> None:
    """Let a signal pass: whatever it asks for is under way."""
