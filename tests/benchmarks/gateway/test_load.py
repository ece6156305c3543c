"""The load generator counts every event, however the bytes are split."""

import time
from collections.abc import AsyncGenerator
from itertools import pairwise

import pytest
from benchmarks.gateway.contestants import DIRECT
from benchmarks.gateway.load import BodyReader, LoadError, connections
from benchmarks.gateway.measures import Harness, check, tagged_bodies
from benchmarks.gateway.mock_backend import MockBackend, Script, stream_tag
from hypothesis import given
from hypothesis import strategies as st

CONTENT = b'data: {"delta":{"content":" the"}}\n\n'


@pytest.fixture
async def backend() -> AsyncGenerator[MockBackend, None]:
    mock = MockBackend(time.perf_counter)
    await mock.start()
    yield mock
    await mock.stop()


def chunked(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (*pieces, b""))


@given(cuts=st.lists(st.integers(0, 200), max_size=20), count=st.integers(1, 4))
def test_a_chunked_body_does_not_depend_on_how_its_bytes_are_split(cuts: list[int], count: int) -> None:
    wire = chunked(*[CONTENT] * count)
    offsets = sorted({0, len(wire), *(cut for cut in cuts if cut < len(wire))})
    reader = BodyReader(None)

    content = b"".join(reader.feed(wire[start:end]) for start, end in pairwise(offsets))

    assert content == CONTENT * count
    assert reader.is_whole


def test_a_chunked_body_without_its_last_chunk_is_not_whole() -> None:
    reader = BodyReader(None)

    reader.feed(chunked(CONTENT).removesuffix(b"0\r\n\r\n"))

    assert not reader.is_whole


async def test_every_token_of_a_reply_is_counted(backend: MockBackend) -> None:
    backend.script = Script(tokens=700)
    endpoint = DIRECT.endpoint(backend.port)
    async with connections(endpoint, 1, time.perf_counter) as [connection]:
        first = await connection.ask(endpoint.request(b"{}", 0))
        second = await connection.ask(endpoint.request(b"{}", 0))

    assert (first.tokens, second.tokens) == (700, 700)


async def test_a_paced_reply_is_stored_under_the_tag_of_its_request(backend: MockBackend) -> None:
    backend.script = Script(tokens=3, per_second=1000.0)
    endpoint = DIRECT.endpoint(backend.port)
    seen: list[int] = []
    async with connections(endpoint, 1, time.perf_counter) as [connection]:
        await connection.ask(endpoint.request(stream_tag(42).encode(), 0), lambda first, count, now: seen.append(count))

    assert len(backend.sent[42].times) == sum(seen) == 3


async def test_an_error_response_raises_a_load_error(backend: MockBackend) -> None:
    endpoint = DIRECT.endpoint(backend.port)
    async with connections(endpoint, 1, time.perf_counter) as [connection]:
        with pytest.raises(LoadError, match="404"):
            await connection.ask(b"GET / HTTP/1.1\r\n\r\n")


async def test_the_backends_own_reply_passes_the_check_of_the_contestants(backend: MockBackend) -> None:
    harness = Harness(backend, DIRECT.endpoint(backend.port), time.perf_counter, tagged_bodies(str.encode, 1))

    await check(harness)

    assert backend.requests == 1
