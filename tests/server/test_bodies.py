"""Bodies that arrive share the gateway's memory, and those that have stopped make room."""

import gzip
import zlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.parts.gateway import QUICK, RunningGateway, running_gateway, target_at
from tests.parts.json_at import at
from tests.parts.manual_clock import ManualClock
from tests.parts.raw_backend import RawBackend
from tests.parts.raw_client import RawClient, connected, prompt, request
from tests.parts.referee import judge

from anyclaude.exchange import REAL_TIME, Clock
from anyclaude.secret import Secret
from anyclaude.server.bodies import SILENT_SECONDS

MIB = 1024 * 1024
UNFINISHED = b"POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def small(tmp_path: Path, backend: RawBackend, clock: ManualClock) -> AsyncIterator[RunningGateway]:
    """A gateway with room for 2 MiB of requests beside the largest one."""
    options = replace(QUICK, memory_bytes=2 * MIB)
    set_by_test = Clock(now=REAL_TIME.now, seconds=clock.seconds, sleep=REAL_TIME.sleep)
    async with running_gateway(tmp_path, target_at(backend.base_url), options=options, clock=set_by_test) as gateway:
        yield gateway


async def reserved_bytes(client: RawClient) -> int:
    """Return what requests hold."""
    held = at((await client.ask("GET", "/health")).json, "memory", "reserved_bytes")
    assert isinstance(held, int)
    return held


async def reserved(gateway: RunningGateway, at_least: int) -> None:
    """Wait until requests hold so many bytes."""
    async with connected(gateway.base_url) as client:
        while await reserved_bytes(client) < at_least:
            pass


async def unfinished(gateway: RunningGateway, stack: AsyncExitStack, size: int) -> RawClient:
    """Send a part of a body of twice this size."""
    client = await stack.enter_async_context(connected(gateway.base_url))
    await client.send(UNFINISHED % (2 * size) + b"x" * size)
    return client


async def test_a_body_for_which_there_is_no_room_is_refused_for_the_moment(
    small: RunningGateway, backend: RawBackend
) -> None:
    async with AsyncExitStack() as stack:
        for count in range(1, 4):
            await unfinished(small, stack, MIB)
            await reserved(small, count * MIB)
        client = await unfinished(small, stack, MIB)
        refusal = await client.response()

        assert (refusal.status, refusal.error[0]) == (529, "overloaded_error")
        assert (refusal.headers["x-should-retry"], refusal.headers["retry-after"]) == ("true", "1")

        another = await stack.enter_async_context(connected(small.base_url))
        await another.send(request("POST", "/v1/messages", prompt("Hi")))
        await (await backend.next_request()).reply("Hello")
        assert judge((await another.response()).body).texts() == ["Hello"], "a small one always has room"


async def test_a_body_that_has_stopped_makes_room_for_one_that_arrives(
    small: RunningGateway, backend: RawBackend, clock: ManualClock
) -> None:
    async with AsyncExitStack() as stack:
        first = await unfinished(small, stack, MIB)
        await reserved(small, MIB)
        clock.time += 1
        for count in range(2, 4):
            await unfinished(small, stack, MIB)
            await reserved(small, count * MIB)
        clock.time += SILENT_SECONDS / 2
        await first.send(b"x")  # too little to count
        await reserved(small, 3 * MIB + 1)
        clock.time += SILENT_SECONDS / 2
        client = await stack.enter_async_context(connected(small.base_url))
        await client.send(request("POST", "/v1/messages", prompt("x" * MIB)))
        await (await backend.next_request()).reply("Hello")

        dropped, reply = await first.response(), await client.response()

    assert (dropped.status, dropped.error[0]) == (408, "timeout_error")
    assert "other requests needed the room" in dropped.error[1]
    assert judge(reply.body).texts() == ["Hello"]


async def test_what_a_request_held_is_given_back_when_it_ends(small: RunningGateway) -> None:
    async with AsyncExitStack() as stack:
        client = await unfinished(small, stack, MIB)
        await reserved(small, MIB)
        client.reset()
        async with connected(small.base_url) as asking:
            while await reserved_bytes(asking):
                pass


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "deflate", "br", "zstd", "identity, gzip", "x-y"])
async def test_a_compressed_body_is_refused_and_not_unpacked(coding: str, gateway: RunningGateway) -> None:
    packed = zlib.compress(prompt()) if coding == "deflate" else gzip.compress(prompt())
    async with connected(gateway.base_url) as client:
        for path in ("/v1/messages", "/v1/messages/count_tokens"):
            response = await client.ask("POST", path, packed, {"Content-Encoding": coding})

            assert (response.status, response.error[0]) == (415, "invalid_request_error")
            assert "Content-Encoding: should be identity" in response.error[1]
            assert response.headers["accept-encoding"] == "identity"
            assert response.headers["x-should-retry"] == "false"


async def test_identity_is_no_compression(gateway: RunningGateway, backend: RawBackend) -> None:
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt(), {"Content-Encoding": "identity"}))
        await (await backend.next_request()).reply("Hello")

        assert judge((await client.response()).body).texts() == ["Hello"]


async def test_a_bomb_with_a_wrong_token_is_refused_for_the_token(tmp_path: Path, backend: RawBackend) -> None:
    bomb = gzip.compress(b"\0" * (64 * MIB))
    options = replace(QUICK, token=Secret("right-token"))
    async with (
        running_gateway(tmp_path, target_at(backend.base_url), options=options) as gateway,
        connected(gateway.base_url) as client,
    ):
        response = await client.ask("POST", "/v1/messages", bomb, {"Content-Encoding": "gzip"})

    assert response.status == 401
