"""The client's process: its exit status, its signals, and its end."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec import Struct
from tests.parts.fake_client import ClientReport, client_report, write_fake_client
from tests.parts.processes import is_running, wait_for_end

from anyclaude.errors import ClientUnavailable
from anyclaude.launcher.signals import Signals
from anyclaude.launcher.supervise import running_client

ENVIRONMENT = {"PATH": os.environ["PATH"]}
LONG = 60.0


@asynccontextmanager
async def our_output() -> AsyncIterator[asyncio.StreamReader]:
    """The client writes to our standard output, which is a pipe for the time of the block."""
    kept = os.dup(1)
    reading, writing = os.pipe()
    os.dup2(writing, 1)
    os.close(writing)
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading, "rb"))
    try:
        yield reader
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        transport.close()


class RunningClient(Struct):
    """A client that runs: its future exit status, its first line, and the lines after it."""

    status: Awaitable[int]
    report: ClientReport
    lines: asyncio.StreamReader


@asynccontextmanager
async def running(
    tmp_path: Path, word: str, signals: Signals, termination_seconds: float = LONG
) -> AsyncIterator[RunningClient]:
    program = write_fake_client(tmp_path)
    async with (
        our_output() as lines,
        running_client((str(program), word), ENVIRONMENT, signals, termination_seconds) as status,
    ):
        yield RunningClient(status, client_report(await lines.readline()), lines)


@pytest.mark.parametrize(("word", "status"), [("exit-0", 0), ("exit-7", 7), ("die-9", 137), ("die-15", 143)])
async def test_the_exit_status_is_the_clients(tmp_path: Path, word: str, status: int) -> None:
    async with running(tmp_path, word, Signals(asyncio.get_running_loop())) as client:
        assert await client.status == status


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_a_terminating_signal_is_passed_on_to_the_client(tmp_path: Path, number: signal.Signals) -> None:
    signals = Signals(asyncio.get_running_loop())
    with signals.watched():
        async with running(tmp_path, "wait", signals) as client:
            os.kill(os.getpid(), number)

            assert await client.status == 128 + number
            assert signals.received == number
            assert not is_running(client.report.pid)


async def test_a_client_that_ignores_signals_is_killed_with_its_children(tmp_path: Path) -> None:
    signals = Signals(asyncio.get_running_loop())
    with signals.watched():
        async with running(tmp_path, "stubborn", signals, termination_seconds=0.05) as client:
            helper = int(await client.lines.readline())
            os.kill(os.getpid(), signal.SIGTERM)

            assert await client.status == 137
            assert not is_running(client.report.pid)
            assert sys.platform != "linux" or await asyncio.to_thread(wait_for_end, helper)


async def test_an_interrupt_is_left_to_the_client(tmp_path: Path) -> None:
    signals = Signals(asyncio.get_running_loop())
    with signals.watched():
        async with running(tmp_path, "wait", signals) as client:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(client.report.pid, signal.SIGTERM)

            assert await client.status == 143
            assert signals.received is None


async def test_leaving_the_context_kills_the_client(tmp_path: Path) -> None:
    async with running(tmp_path, "wait", Signals(asyncio.get_running_loop())) as client:
        pass

    assert await asyncio.to_thread(wait_for_end, client.report.pid)


async def test_cancelling_the_wait_leaves_no_client_behind(tmp_path: Path) -> None:
    async def wait_for_client() -> None:
        async with running(tmp_path, "wait", Signals(asyncio.get_running_loop())) as client:
            started.set_result(client.report.pid)
            await client.status

    started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    waiting = asyncio.create_task(wait_for_client())
    pid = await started
    waiting.cancel()
    await asyncio.wait((waiting,))

    assert waiting.cancelled()
    assert await asyncio.to_thread(wait_for_end, pid)


async def test_signals_are_the_previous_handlers_again_when_the_client_has_ended(tmp_path: Path) -> None:
    signals, received = Signals(asyncio.get_running_loop()), asyncio.Queue[signal.Signals]()
    with signals.watched(), signals.directed_to(received.put_nowait):
        async with running(tmp_path, "exit-0", signals) as client:
            await client.status
            os.kill(os.getpid(), signal.SIGINT)

            assert await received.get() == signal.SIGINT


async def test_a_path_that_cannot_be_executed_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ClientUnavailable, match="nothing"):
        async with running_client((str(tmp_path / "nothing"),), ENVIRONMENT, Signals(asyncio.get_running_loop())):
            pass


async def test_the_signals_get_their_previous_handlers_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]

    with Signals(asyncio.get_running_loop()).watched():
        during = signal.getsignal(signal.SIGHUP)

    assert during != signal.SIG_DFL
    assert signal.getsignal(signal.SIGHUP) == before[2] == signal.SIG_DFL
