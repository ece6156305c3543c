"""How many clients can be connected, and what happens when there are too many, or no descriptor is left."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.parts.descriptors import no_descriptor_left
from tests.parts.gateway import QUICK, RunningGateway, running_gateway, target_at
from tests.parts.json_at import at
from tests.parts.manual_clock import ManualClock
from tests.parts.raw_backend import MAX_WAIT_SECONDS, RawBackend, ReceivedRequest
from tests.parts.raw_client import RawClient, ask, connected, prompt, request
from tests.parts.referee import judge

from anyclaude.exchange import Clock
from anyclaude.server import Limits
from anyclaude.server.accepting import PAUSE_SECONDS, listening_sockets

pytestmark = pytest.mark.both_loops


class CountedPauses(ManualClock):
    """A clock that tells when there were twenty pauses."""

    def __init__(self) -> None:
        super().__init__()
        self.are_enough = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        """Advance the time and let other tasks run."""
        await super().sleep(seconds)
        if len(self.sleeps) >= 20:
            self.are_enough.set()


@asynccontextmanager
async def small_gateway(folder: Path, backend: RawBackend, connections: int) -> AsyncIterator[RunningGateway]:
    """Run a gateway for few clients."""
    options = replace(QUICK, limits=Limits(connections=connections))
    async with running_gateway(folder, target_at(backend.base_url), options=options) as gateway:
        yield gateway


async def begun(client: RawClient, backend: RawBackend) -> ReceivedRequest:
    """Send a request whose reply begins, and does not end yet."""
    await client.send(request("POST", "/v1/messages", prompt()))
    received = await (await backend.next_request()).begin()
    await received.say("Hel")
    await client.head()
    await client.events_until("content_block_delta")
    return received


async def test_the_connection_that_has_been_idle_longest_makes_room(tmp_path: Path, backend: RawBackend) -> None:
    async with small_gateway(tmp_path, backend, 3) as gateway, AsyncExitStack() as stack:
        first, second, third = [await stack.enter_async_context(connected(gateway.base_url)) for _ in range(3)]
        for client in (second, third, first):
            assert (await client.ask("GET", "/health")).status == 200

        assert (await ask(gateway.base_url, "GET", "/health")).status == 200
        assert await second.read_until_closed() == b""
        for client in (third, first):
            assert (await client.ask("GET", "/health")).status == 200


async def test_when_no_connection_is_idle_a_new_one_is_refused_for_the_moment(
    tmp_path: Path, backend: RawBackend
) -> None:
    async with small_gateway(tmp_path, backend, 1) as gateway, connected(gateway.base_url) as busy:
        received = await begun(busy, backend)
        async with connected(gateway.base_url) as surplus:
            refused = await surplus.ask("POST", "/v1/messages", prompt())
            rest = await surplus.read_until_closed()
        await received.say("lo")
        await received.finish()
        await busy.events_until("message_stop")
        served = await ask(gateway.base_url, "GET", "/health")

    assert refused.status == 529
    assert refused.error[0] == "overloaded_error"
    assert (refused.headers["retry-after"], refused.headers["x-should-retry"]) == ("1", "true")
    assert (refused.headers["connection"], rest) == ("close", b"")
    assert served.status == 200
    assert len(backend.requests) == 1


async def test_a_connection_too_many_that_stays_silent_keeps_no_other_out(tmp_path: Path, backend: RawBackend) -> None:
    async with small_gateway(tmp_path, backend, 1) as gateway, connected(gateway.base_url) as busy:
        received = await begun(busy, backend)
        async with connected(gateway.base_url) as silent, connected(gateway.base_url) as heard:
            await heard.send(b"GET /hea")
            first = await silent.read_until_closed()
            await heard.send(b"lth HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            answer = await heard.response()
        await received.finish()

    assert (first, answer.status) == (b"", 529)


async def test_a_head_that_has_begun_and_a_body_that_is_refused_make_room_too(
    tmp_path: Path, backend: RawBackend
) -> None:
    async with small_gateway(tmp_path, backend, 2) as gateway, AsyncExitStack() as stack:
        half, refused = [await stack.enter_async_context(connected(gateway.base_url)) for _ in range(2)]
        await half.send(b"GET / HTTP/1.1\r\nX: ")
        size = str(Limits().body_bytes + 1)
        await refused.send(request("POST", "/v1/messages", b"", {"Content-Length": size}))
        assert (await refused.response()).status == 413
        statuses = []
        for _ in range(2):
            client = await stack.enter_async_context(connected(gateway.base_url))
            statuses.append((await client.ask("GET", "/health")).status)

        assert statuses == [200, 200]
        assert await half.read_until_closed() == b""
        assert await refused.read_until_closed() == b""


async def test_however_many_connections_are_closed_the_log_has_one_line(
    tmp_path: Path, backend: RawBackend, caplog: pytest.LogCaptureFixture
) -> None:
    async with small_gateway(tmp_path, backend, 1) as gateway, AsyncExitStack() as stack:
        for _ in range(20):
            client = await stack.enter_async_context(connected(gateway.base_url))
            assert (await client.ask("GET", "/health")).status == 200

    assert [record.message.partition(",")[0] for record in caplog.records] == ["1 connections are open"]


async def test_without_descriptors_connections_wait_and_the_log_has_one_line(
    tmp_path: Path, backend: RawBackend, caplog: pytest.LogCaptureFixture
) -> None:
    pauses = CountedPauses()
    clock = Clock(seconds=pauses.seconds, sleep=pauses.sleep)
    async with running_gateway(tmp_path, target_at(backend.base_url), clock=clock) as gateway:
        client = socket.create_connection(("127.0.0.1", gateway.gateway.port))  # the kernel accepts it
        with no_descriptor_left():
            await asyncio.wait_for(pauses.are_enough.wait(), MAX_WAIT_SECONDS)
        reader, writer = await asyncio.open_connection(sock=client)
        writer.write(request("GET", "/health"))
        answer = await asyncio.wait_for(reader.readline(), MAX_WAIT_SECONDS)
        writer.close()

    assert set(pauses.sleeps) == {PAUSE_SECONDS}
    assert [record.message.partition(":")[0] for record in caplog.records] == ["no descriptor is left"]
    assert answer == b"HTTP/1.1 200 OK\r\n"


async def test_without_descriptors_for_the_server_a_request_is_refused_and_the_server_is_not_blamed(
    gateway: RunningGateway, backend: RawBackend
) -> None:
    async with connected(gateway.base_url) as client:
        await client.ask("GET", "/health")
        with no_descriptor_left():
            refused = [await client.ask("POST", "/v1/messages", prompt()) for _ in range(6)]
        circuit = at((await client.ask("GET", "/health")).json, "backends", 0, "circuit")
        await client.send(request("POST", "/v1/messages", prompt()))
        await (await backend.next_request()).reply("Hello")
        served = await client.response()

    assert {response.status for response in refused} == {529}
    assert {response.error[0] for response in refused} == {"overloaded_error"}
    assert {response.headers["retry-after"] for response in refused} == {"1"}
    assert circuit == {"state": "closed", "failures_in_a_row": 0}
    assert judge(served.body).texts() == ["Hello"]


async def test_a_port_that_is_taken_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        await listening_sockets("127.0.0.1", taken.getsockname()[1])


async def test_all_addresses_of_a_name_are_listened_on() -> None:
    listening = await listening_sockets("localhost", 0)
    found = await asyncio.get_running_loop().getaddrinfo("localhost", 0, type=socket.SOCK_STREAM)
    families = {opened.family for opened in listening}
    for opened in listening:
        opened.close()

    assert socket.AF_INET in families
    assert families <= {family for family, *_ in found}
