"""Clients that stop reading: each stream costs the gateway a bounded amount of memory, and blocks the backend."""

import asyncio
import sys
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest
from tests.faults.chaos import ServerProcess, gateway
from tests.parts.raw_backend import ReceivedRequest, raw_backend
from tests.parts.raw_client import connected, prompt, request

STREAMS = 100

TEXT = "x" * 4000

QUIET_SECONDS = 0.5
"""All streams count as blocked when the backends have sent nothing for this long."""

MAX_BYTES_PER_STREAM = 4 * 2**20
"""Generous: 2.4 MB were measured, nearly all of it the transcript of the reply, which the gateway keeps until the reply
is longer than any genuine one; the bytes sent, about 6 MB for each stream, are in the kernel's buffers."""


class EndlessReplies:
    """Replies without an end, and whether the gateway still reads any of them."""

    def __init__(self) -> None:
        self.events = 0
        self._sent = asyncio.Event()

    async def send(self, request: ReceivedRequest) -> None:
        """Answer one request until the client disconnects."""
        with suppress(ConnectionError):
            await request.begin()
            while True:
                await request.say(TEXT)
                self.events += 1
                self._sent.set()

    async def wait_until_blocked(self) -> None:
        """Wait until no reply accepts more bytes."""
        with suppress(TimeoutError):
            while True:
                self._sent.clear()
                await asyncio.wait_for(self._sent.wait(), QUIET_SECONDS)


async def memory(process: ServerProcess) -> float:
    """Return the resident memory of the gateway, in bytes."""
    return (await process.ask())["memory"]


async def test_a_stopped_reader_costs_bounded_memory_and_its_upstream_reply_ends_with_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replies = EndlessReplies()
    async with AsyncExitStack() as stack:
        backend = await stack.enter_async_context(raw_backend())
        process, port = await stack.enter_async_context(gateway(tmp_path, backend.base_url))
        before = await memory(process)
        clients = [await stack.enter_async_context(connected(f"http://127.0.0.1:{port}")) for _ in range(STREAMS)]
        tasks = []
        for client in clients:
            await client.send(request("POST", "/v1/messages", prompt("Continue forever.")))
            tasks.append(asyncio.create_task(replies.send(await backend.next_request())))
        await replies.wait_until_blocked()
        held = await memory(process) - before
        for client in clients:
            client.reset()
        await asyncio.gather(*tasks)

    with capsys.disabled():
        sys.stdout.write(f"\n{STREAMS} stopped readers: {held / STREAMS / 1000:.0f} kB for each\n")

    assert replies.events > 0
    assert held / STREAMS < MAX_BYTES_PER_STREAM
