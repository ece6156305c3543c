"""A reply as server-sent events: pings, slow clients, and the end of the stream."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.parts.certificate import write_certificate
from tests.parts.gateway import QUICK, RunningGateway, running_gateway, target_at
from tests.parts.json_at import at
from tests.parts.raw_backend import RawBackend, ReceivedRequest
from tests.parts.raw_client import CLAUDE_CODE, connected, prompt, request
from tests.parts.referee import judge
from tests.parts.stub_server import stub_server

from anyclaude.server import StreamTiming
from anyclaude.timeouts import Timeouts

QUIET_SECONDS = 0.2
"""A backend that has sent nothing for this long is taken to be blocked; if it is not, a test proves less but passes."""

MAX_BYTES_IN_FLIGHT = 24 * 2**20
"""The kernel's buffers: Linux lets a loopback socket hold 4 MB to send and 6 MB to read (tcp_wmem, tcp_rmem), and there
are two on each side of the gateway.  The gateway's own buffers are small in comparison."""

PIECE = "".join(f"{number:8}" for number in range(4_000))
"""32,000 characters that do not repeat themselves."""


@pytest.fixture
async def pinging(tmp_path: Path, backend: RawBackend) -> AsyncIterator[RunningGateway]:
    """A gateway that sends the status at once, and a ping after every 10 ms of silence."""
    options = replace(
        QUICK, timing=StreamTiming(commit_seconds=0.0, ping_seconds=0.01), timeouts=Timeouts(retry_seconds=0.0)
    )
    async with running_gateway(tmp_path, target_at(backend.base_url), options=options) as gateway:
        yield gateway


async def test_pings_are_sent_during_a_slow_prefill(pinging: RunningGateway, backend: RawBackend) -> None:
    async with connected(pinging.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt()))
        received = await backend.next_request()
        await client.head()
        kinds = [(await client.event())["type"] for _ in range(4)]
        await received.reply("Hello")
        rest = await client.events_until("message_stop")

    assert kinds == ["message_start", "ping", "ping", "ping"]
    assert next(event["type"] for event in rest if event["type"] != "ping") == "content_block_start"


async def test_pings_are_sent_in_a_silence_in_the_middle_of_a_reply(
    pinging: RunningGateway, backend: RawBackend
) -> None:
    async with connected(pinging.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt()))
        received = await (await backend.next_request()).begin()
        await received.say("Hel")
        await client.head()
        await client.events_until("content_block_delta")
        pings = [(await client.event())["type"] for _ in range(3)]
        await received.say("lo")
        await received.finish()
        rest = await client.events_until("message_stop")

    assert pings == ["ping"] * 3
    texts = [at(event, "delta", "text") for event in rest if event["type"] == "content_block_delta"]
    assert texts == ["lo"]


async def test_a_reply_without_silences_has_no_pings(gateway: RunningGateway, backend: RawBackend) -> None:
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt()))
        await (await backend.next_request()).reply(*"Hello")
        response = await client.response()

    assert judge(response.body).pings == 0


async def test_the_connection_serves_the_next_request_after_a_stream(
    pinging: RunningGateway, backend: RawBackend
) -> None:
    async with connected(pinging.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt()))
        await (await backend.next_request()).reply("Hello")
        await client.response()
        next_response = await client.ask("GET", "/health")

    assert next_response.status == 200


async def test_after_an_error_event_the_response_is_complete(pinging: RunningGateway, backend: RawBackend) -> None:
    async with connected(pinging.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt()))
        await (await backend.next_request()).refuse(400, "no")
        response = await client.response()
        next_response = await client.ask("GET", "/health")

    assert judge(response.body).outcome == "failed"
    assert next_response.status == 200


async def test_other_clients_receive_the_text_before_a_transient_failure(
    pinging: RunningGateway, backend: RawBackend
) -> None:
    async with connected(pinging.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt()))
        received = await (await backend.next_request()).begin()
        await received.say("Hel")
        received.reset()
        (await backend.next_request()).reset()
        response = await client.response()

    verdict = judge(response.body)
    assert verdict.outcome == "failed"
    assert verdict.texts() == ["Hel"]


@pytest.mark.parametrize("sent", [503, 429, 529])
async def test_a_transient_failure_resets_the_connection_of_claude_code(
    pinging: RunningGateway, backend: RawBackend, sent: int
) -> None:
    async with connected(pinging.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt(), CLAUDE_CODE))
        received = await backend.next_request()
        await client.head()
        await received.refuse(sent, "not now")

        with pytest.raises(ConnectionResetError):
            await client.read_until_closed()


async def test_a_client_that_stops_reading_blocks_the_backend_and_loses_nothing(
    gateway: RunningGateway, backend: RawBackend
) -> None:
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt()))
        received = await (await backend.next_request()).begin()
        flood = Flood(received)
        await flood.blocked()
        sent_unread = flood.sent
        flood.last = sent_unread + 100
        reading = asyncio.create_task(client.response())
        await flood.task
        await received.finish()
        verdict = judge((await reading).body)

    assert sent_unread * len(PIECE) < MAX_BYTES_IN_FLIGHT
    assert verdict.outcome == "whole"
    assert verdict.texts() == [PIECE * flood.sent]


async def test_a_client_that_does_not_read_is_not_disconnected(tmp_path: Path, backend: RawBackend) -> None:
    timeouts = Timeouts(stall_seconds=0.05, finish_seconds=0.05)
    timing = StreamTiming(ping_seconds=0.01)
    options = replace(QUICK, timeouts=timeouts, timing=timing)
    async with (
        running_gateway(tmp_path, target_at(backend.base_url), options=options) as gateway,
        connected(gateway.base_url) as client,
    ):
        await client.send(request("POST", "/v1/messages", prompt()))
        received = await (await backend.next_request()).begin()
        flood = Flood(received)
        await flood.blocked()
        flood.last = flood.sent
        assert not received.closed.is_set()
        reading = asyncio.create_task(client.response())
        await flood.task
        await received.finish()
        verdict = judge((await reading).body)

    assert verdict.outcome == "whole"
    assert verdict.texts() == [PIECE * flood.sent]


@pytest.mark.parametrize("headers", [CLAUDE_CODE, {}], ids=["claude code", "another client"])
async def test_a_client_that_has_stopped_reading_makes_room_for_those_that_wait(
    headers: dict[str, str], tmp_path: Path, backend: RawBackend
) -> None:
    options = replace(QUICK, timing=StreamTiming(ping_seconds=0.01, stopped_seconds=0.05))
    target = target_at(backend.base_url, parallel_requests=1)
    async with (
        running_gateway(tmp_path, target, options=options) as gateway,
        connected(gateway.base_url) as stopped,
        connected(gateway.base_url) as waiting,
    ):
        await stopped.send(request("POST", "/v1/messages", prompt(), headers))
        received = await (await backend.next_request()).begin()
        flood = Flood(received)
        await flood.blocked()
        await waiting.send(request("POST", "/v1/messages", prompt()))
        await (await backend.next_request()).reply("Hello")
        reply = await waiting.response()
        await flood.task
        with pytest.raises(ConnectionResetError):
            await stopped.read_until_closed()
        record = gateway.records()[0]

    assert judge(reply.body).texts() == ["Hello"]
    assert (record["outcome"], at(record, "error", "type")) == ("failed", "timeout_error")
    assert "while others waited" in str(at(record, "error", "message"))


async def test_a_client_that_has_stopped_reading_is_left_alone_if_no_other_waits(
    tmp_path: Path, backend: RawBackend
) -> None:
    options = replace(QUICK, timing=StreamTiming(ping_seconds=0.01, stopped_seconds=0.05))
    target = target_at(backend.base_url, parallel_requests=2)
    async with (
        running_gateway(tmp_path, target, options=options) as gateway,
        connected(gateway.base_url) as stopped,
        connected(gateway.base_url) as another,
    ):
        await stopped.send(request("POST", "/v1/messages", prompt()))
        flood = Flood(await (await backend.next_request()).begin())
        await flood.blocked()
        await another.send(request("POST", "/v1/messages", prompt()))
        await (await backend.next_request()).reply("Hello")
        await another.response()
        flood.last = flood.sent + 10
        reading = asyncio.create_task(stopped.response())
        await flood.task
        await flood.received.finish()
        verdict = judge((await reading).body)

    assert verdict.outcome == "whole"


async def test_a_client_that_disconnects_without_reading_releases_the_backend(
    gateway: RunningGateway, backend: RawBackend
) -> None:
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt()))
        received = await (await backend.next_request()).begin()
        flood = Flood(received)
        await flood.blocked()
        client.reset()
        await received.wait_closed()
        record = await gateway.recorded(1)
        await flood.task

    assert record["outcome"] == "client_left"


async def test_a_client_that_reads_late_receives_the_whole_reply(gateway: RunningGateway, backend: RawBackend) -> None:
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt()))
        await (await backend.next_request()).reply(PIECE)
        await gateway.recorded(1)
        response = await client.response()

    assert judge(response.body).texts() == [PIECE]


class Flood:
    """A backend that sends pieces of text until it has sent `last` of them, or until its client has disconnected."""

    def __init__(self, received: ReceivedRequest) -> None:
        self.sent = 0
        self.last: int | None = None
        self.received = received
        self._has_sent = asyncio.Event()
        self.task = asyncio.create_task(self._run())

    async def blocked(self) -> None:
        """Wait until it is blocked."""
        with contextlib.suppress(TimeoutError):
            while True:
                self._has_sent.clear()
                await asyncio.wait_for(self._has_sent.wait(), QUIET_SECONDS)

    async def _run(self) -> None:
        with contextlib.suppress(ConnectionError):
            while self.last is None or self.sent < self.last:
                await self.received.say(PIECE)
                self.sent += 1
                self._has_sent.set()


@pytest.mark.parametrize("headers", [CLAUDE_CODE, {}], ids=["claude code", "another client"])
async def test_a_certificate_that_is_not_trusted_ends_a_stream_with_its_words_for_every_client(
    tmp_path: Path, headers: dict[str, str]
) -> None:
    _, tls = write_certificate(tmp_path)
    options = replace(QUICK, timing=StreamTiming(commit_seconds=0.0))
    async with (
        stub_server({}, tls=tls) as server,
        running_gateway(tmp_path, target_at(server.base_url), options=options) as gateway,
        connected(gateway.base_url) as client,
    ):
        await client.send(request("POST", "/v1/messages", prompt(), headers))
        await client.head()
        events = await client.events_until("error")

    assert "self-signed certificate" in str(at(events[-1], "error", "message"))
