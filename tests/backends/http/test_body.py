"""All available bytes of a body are read at once, and flow control still works, with the HTTP library's reader."""

import asyncio

import pytest
from aiohttp import StreamReader
from aiohttp.base_protocol import BaseProtocol
from aiohttp.client_exceptions import ClientPayloadError

from anyclaude.backends.http.body import MAX_READ_BYTES, read_available

LIMIT = 64


class Flow(BaseProtocol):
    """A connection that records whether it is paused."""

    def __init__(self) -> None:
        super().__init__(asyncio.get_running_loop())
        self.is_paused = False

    @property
    def connected(self) -> bool:
        """Always true; the reader asks."""
        return True

    def pause_reading(self) -> None:
        """Record that the reader is full."""
        self._reading_paused = self.is_paused = True

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Record that the reader has room again."""
        self._reading_paused = self.is_paused = False


@pytest.fixture
async def flow() -> Flow:
    return Flow()


@pytest.fixture
async def body(flow: Flow) -> StreamReader:
    return StreamReader(flow, LIMIT, loop=asyncio.get_running_loop())


def feed_chunks(body: StreamReader, *chunks: bytes) -> None:
    for chunk in chunks:
        body.begin_http_chunk_receiving()
        body.feed_data(chunk)
        body.end_http_chunk_receiving()


async def test_all_available_chunks_are_read_at_once(body: StreamReader) -> None:
    feed_chunks(body, b"one ", b"two ", b"three")

    assert await read_available(body) == b"one two three"


async def test_of_many_bytes_only_some_are_returned_after_a_turn_of_the_loop(body: StreamReader) -> None:
    data = bytes(range(256)) * (MAX_READ_BYTES // 100)
    feed_chunks(body, data[:100], data[100:])
    turns: list[None] = []
    asyncio.get_running_loop().call_soon(turns.append, None)
    pieces = [await read_available(body)]
    assert turns
    while sum(map(len, pieces)) < len(data):
        pieces.append(await read_available(body))

    assert b"".join(pieces) == data
    assert max(map(len, pieces)) == MAX_READ_BYTES


async def test_the_next_read_continues_after_the_last_whatever_the_framing(body: StreamReader) -> None:
    feed_chunks(body, b"one ", b"two ")
    first = await read_available(body)
    feed_chunks(body, b"three")
    body.feed_eof()

    assert (first, await read_available(body), await read_available(body)) == (b"one two ", b"three", b"")


async def test_a_read_without_available_bytes_waits_for_some(body: StreamReader) -> None:
    reading = asyncio.create_task(read_available(body))
    await asyncio.sleep(0)
    feed_chunks(body, b"late")

    assert await reading == b"late"


async def test_the_end_of_the_body_wakes_a_waiting_read(body: StreamReader) -> None:
    reading = asyncio.create_task(read_available(body))
    await asyncio.sleep(0)
    body.feed_eof()

    assert await reading == b""


async def test_a_broken_body_raises_for_a_waiting_read_and_for_later_ones(body: StreamReader) -> None:
    reading = asyncio.create_task(read_available(body))
    await asyncio.sleep(0)
    body.set_exception(ClientPayloadError("cut"))

    with pytest.raises(ClientPayloadError):
        await reading
    with pytest.raises(ClientPayloadError):
        await read_available(body)


async def test_a_full_reader_pauses_the_connection_until_it_is_read(body: StreamReader, flow: Flow) -> None:
    feed_chunks(body, b"x" * (2 * LIMIT + 1))
    was_paused = flow.is_paused

    await read_available(body)

    assert (was_paused, flow.is_paused) == (True, False)


async def test_many_small_chunks_pause_the_connection_too(body: StreamReader, flow: Flow) -> None:
    feed_chunks(body, *[b"x"] * LIMIT)
    was_paused = flow.is_paused

    await read_available(body)
    feed_chunks(body, b"y")

    assert (was_paused, flow.is_paused) == (True, False)
