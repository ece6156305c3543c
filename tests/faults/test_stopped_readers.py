"""Clients that stop reading: each stream costs the gateway a bounded amount of memory, and the backend has to wait."""

import asyncio
import sys
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest
from tests.faults.chaos import Servant, gateway
from tests.parts.raw_backend import ReceivedRequest, raw_backend
from tests.parts.raw_client import connected, prompt, request

STREAMS = 100

PIECE = "x" * 4000

QUIET_SECONDS = 0.5
"""As long as nothing may get through before all streams count as stopped."""

MAX_BYTES_PER_STREAM = 4 * 2**20
"""Generous: 2.4 MB were measured, nearly all of it what the gateway remembers of a reply until it is longer than any
honest one; what is sent, about 6 MB for each stream, waits in the buffers of the kernel."""


class Floods:
    """Backends that say more and more, until nothing of it gets through."""

    def __init__(self) -> None:
        self.pieces = 0
        self._went_on = asyncio.Event()

    async def pour(self, asked: ReceivedRequest) -> None:
        """Answer one request without an end."""
        with suppress(ConnectionError):
            await asked.begin()
            while True:
                await asked.say(PIECE)
                self.pieces += 1
                self._went_on.set()

    async def have_stopped(self) -> None:
        """Wait until none gets through."""
        with suppress(TimeoutError):
            while True:
                self._went_on.clear()
                await asyncio.wait_for(self._went_on.wait(), QUIET_SECONDS)


async def memory(servant: Servant) -> float:
    """Return how much the gateway holds in memory, in bytes."""
    return (await servant.look())["memory"]


async def test_a_stream_whose_reader_has_stopped_holds_little_and_gives_it_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    floods = Floods()
    async with AsyncExitStack() as stack:
        backend = await stack.enter_async_context(raw_backend())
        servant, port = await stack.enter_async_context(gateway(tmp_path, backend.base_url))
        before = await memory(servant)
        clients = [await stack.enter_async_context(connected(f"http://127.0.0.1:{port}")) for _ in range(STREAMS)]
        tasks = []
        for client in clients:
            await client.send(request("POST", "/v1/messages", prompt("Go on for ever.")))
            tasks.append(asyncio.create_task(floods.pour(await backend.next_request())))
        await floods.have_stopped()
        held = await memory(servant) - before
        for client in clients:
            client.reset()
        await asyncio.gather(*tasks)

    with capsys.disabled():
        sys.stdout.write(f"\n{STREAMS} stopped readers: {held / STREAMS / 1000:.0f} kB for each\n")

    assert floods.pieces > 0
    assert held / STREAMS < MAX_BYTES_PER_STREAM
