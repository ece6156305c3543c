"""The backend in memory behaves as the real one."""

import asyncio

import pytest
from tests.parts.fake_backend import FakeBackend, FakeReply
from tests.parts.gateway import target_at

from anyclaude.dialects import WireRequest
from anyclaude.errors import BackendTruncated, BackendUnreachable

ASKED = WireRequest("/chat/completions", b"{}")
TARGET = target_at("http://fake/v1")


async def test_it_replays_its_script_and_records_the_requests() -> None:
    backend = FakeBackend(TARGET, FakeReply(chunks=(b"a", b"b"), status=201))

    async with backend.stream(ASKED, 1.0) as reply:
        chunks = [await reply.read_chunk(1.0) for _ in range(3)]
        held = backend.open_replies

    assert chunks == [b"a", b"b", b""]
    assert reply.status == 201
    assert (held, backend.open_replies) == (1, 0)
    assert backend.requests == [ASKED]


async def test_it_refuses_and_breaks_off_as_scripted() -> None:
    backend = FakeBackend(TARGET, BackendUnreachable("down"), FakeReply(chunks=(b"a", BackendTruncated("cut"))))

    with pytest.raises(BackendUnreachable):
        async with backend.stream(ASKED, 1.0):
            pass
    async with backend.stream(ASKED, 1.0) as reply:
        assert await reply.read_chunk(1.0) == b"a"
        with pytest.raises(BackendTruncated):
            await reply.read_chunk(1.0)


async def test_it_waits_for_a_scripted_event() -> None:
    event = asyncio.Event()
    backend = FakeBackend(TARGET, FakeReply(chunks=(event, b"a")))

    async with backend.stream(ASKED, 1.0) as reply:
        reading = asyncio.create_task(reply.read_chunk(1.0))
        await asyncio.sleep(0)
        assert not reading.done()
        event.set()
        assert await reading == b"a"


async def test_an_errors_body_is_the_rest_of_the_script() -> None:
    backend = FakeBackend(TARGET, FakeReply(chunks=(b"a", b"b"), status=500))

    async with backend.stream(ASKED, 1.0) as reply:
        assert await reply.read_error() == b"ab"
