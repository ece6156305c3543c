"""The client's process: its exit status, its signals, and its end."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec import Struct
from tests.parts.fake_client import ClientReport, client_report, write_fake_client
from tests.parts.processes import is_running, wait_for_end

from anyclaude.errors import ClientUnavailable
from anyclaude.launcher.signals import Signals
from anyclaude.launcher.supervise import run_client

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


class Running(Struct):
    """A client that runs: the task that waits for it, its first line, and the lines to come."""

    task: asyncio.Task[int]
    seen: ClientReport
    lines: asyncio.StreamReader


@asynccontextmanager
async def running(
    tmp_path: Path, word: str, signals: Signals, termination_seconds: float = LONG
) -> AsyncIterator[Running]:
    program = write_fake_client(tmp_path)
    async with our_output() as lines:
        task = asyncio.create_task(run_client((str(program), word), ENVIRONMENT, signals, termination_seconds))
        try:
            yield Running(task, client_report(await lines.readline()), lines)
        finally:
            task.cancel()
            await asyncio.wait((task,))


@pytest.mark.parametrize(("word", "status"), [("exit-0", 0), ("exit-7", 7), ("die-9", 137), ("die-15", 143)])
async def test_the_clients_exit_status_is_ours(tmp_path: Path, word: str, status: int) -> None:
    async with running(tmp_path, word, Signals(asyncio.get_running_loop())) as client:
        assert await client.task == status


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_that_ends_us_ends_the_client(tmp_path: Path, number: signal.Signals) -> None:
    signals = Signals(asyncio.get_running_loop())
    with signals.watched():
        async with running(tmp_path, "wait", signals) as client:
            os.kill(os.getpid(), number)

            assert await client.task == 128 + number
            assert signals.received == number
            assert not is_running(client.seen.pid)


async def test_a_client_that_does_not_listen_is_killed_with_what_it_started(tmp_path: Path) -> None:
    signals = Signals(asyncio.get_running_loop())
    with signals.watched():
        async with running(tmp_path, "stubborn", signals, termination_seconds=0.05) as client:
            helper = int(await client.lines.readline())
            os.kill(os.getpid(), signal.SIGTERM)

            assert await client.task == 137
            assert not is_running(client.seen.pid)
            assert sys.platform != "linux" or await asyncio.to_thread(wait_for_end, helper)


async def test_an_interrupt_is_the_clients_business(tmp_path: Path) -> None:
    signals = Signals(asyncio.get_running_loop())
    with signals.watched():
        async with running(tmp_path, "wait", signals) as client:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(client.seen.pid, signal.SIGTERM)

            assert await client.task == 143
            assert signals.received is None


async def test_whoever_stops_waiting_leaves_no_client_behind(tmp_path: Path) -> None:
    async with running(tmp_path, "wait", Signals(asyncio.get_running_loop())) as client:
        client.task.cancel()
        await asyncio.wait((client.task,))

        assert await asyncio.to_thread(wait_for_end, client.seen.pid)


async def test_a_program_that_is_none_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ClientUnavailable, match="nothing"):
        await run_client((str(tmp_path / "nothing"),), ENVIRONMENT, Signals(asyncio.get_running_loop()))


async def test_the_signals_get_their_old_meaning_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]

    with Signals(asyncio.get_running_loop()).watched():
        during = signal.getsignal(signal.SIGHUP)

    assert during != signal.SIG_DFL
    assert signal.getsignal(signal.SIGHUP) == before[2] == signal.SIG_DFL
