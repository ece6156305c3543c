"""The part of a launch that a signal concerns."""

import asyncio
import os
import signal

from anyclaude.launcher.signals import Signals


class Handler:
    """Notes each signal, and wakes who waits for the next one."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.called = asyncio.Event()

    def handle(self, number: signal.Signals) -> None:
        """Note a signal."""
        self.seen.append(number.name)
        self.called.set()

    async def next_signal(self) -> None:
        """Send a signal to this process, and wait until it was handled."""
        self.called.clear()
        os.kill(os.getpid(), signal.SIGHUP)
        await self.called.wait()


async def test_a_signal_is_announced_before_it_is_handled_and_only_for_as_long_as_wanted() -> None:
    signals, handler = Signals(asyncio.get_running_loop()), Handler()
    with signals.watched(), signals.directed_to(handler.handle):
        with signals.announced_to(lambda: handler.seen.append("announced")):
            await handler.next_signal()
        await handler.next_signal()

    assert handler.seen == ["announced", "SIGHUP", "SIGHUP"]
