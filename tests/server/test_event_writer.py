"""A reply as server-sent events: pings, slow clients, and how it ends."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.parts.gateway import QUICK, RunningGateway, running_gateway, target_at
from tests.parts.json_at import at
from tests.parts.raw_backend import RawBackend, ReceivedRequest
from tests.parts.raw_client import CLAUDE_CODE, connected, prompt, request
from tests.parts.referee import judge

from anyclaude.server.event_writer import StreamTiming
from anyclaude.timeouts import Timeouts

QUIET_SECONDS = 0.2
"""Who has not sent anything for so long is taken to be stopped; taken too early, a test shows less but stays true."""

MAX_BYTES_IN_FLIGHT = 24 * 2**20
"""The kernel's buffers: Linux lets a loopback socket hold 4 MB to send and 6 MB to read (tcp_wmem, tcp_rmem), and there
are two on each side of the gateway.  What the gateway itself holds is little beside them."""

PIECE = "x" * 32_000


@pytest.fixture
async def pinging(tmp_path: Path, backend: RawBackend) -> AsyncIterator[RunningGateway]:
    """A gateway that commits at once and pings after every hundredth of a second of silence."""
    options = replace(
        QUICK, timing=StreamTiming(commit_seconds=0.0, ping_seconds=0.01), timeouts=Timeouts(retry_seconds=0.0)
    )
    async with running_gateway(tmp_path, target_at(backend.base_url), options=options) as gateway:
        yield gateway


async def test_a_slow_prefill_is_filled_with_pings(pinging: RunningGateway, backend: RawBackend) -> None:
    async with connected(pinging.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt()))
        asked = await backend.next_request()
        await client.head()
        kinds = [(await client.event())["type"] for _ in range(4)]
        await asked.reply("Hello")
        rest = await client.events_until("message_stop")

    assert kinds == ["message_start", "ping", "ping", "ping"]
    assert next(event["type"] for event in rest if event["type"] != "ping") == "content_block_start"


async def test_a_silence_in_the_middle_of_a_reply_is_filled_too(pinging: RunningGateway, backend: RawBackend) -> None:
    async with connected(pinging.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt()))
        asked = await (await backend.next_request()).begin()
        await asked.say("Hel")
        await client.head()
        await client.events_until("content_block_delta")
        pings = [(await client.event())["type"] for _ in range(3)]
        await asked.say("lo")
        await asked.finish()
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


async def test_after_an_error_event_the_response_ends_properly(pinging: RunningGateway, backend: RawBackend) -> None:
    async with connected(pinging.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt()))
        await (await backend.next_request()).refuse(400, "no")
        response = await client.response()
        next_response = await client.ask("GET", "/health")

    assert judge(response.body).outcome == "failed"
    assert next_response.status == 200


async def test_what_was_said_before_a_transient_failure_reaches_other_clients(
    pinging: RunningGateway, backend: RawBackend
) -> None:
    async with connected(pinging.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt()))
        asked = await (await backend.next_request()).begin()
        await asked.say("Hel")
        asked.reset()
        (await backend.next_request()).reset()
        response = await client.response()

    verdict = judge(response.body)
    assert verdict.outcome == "failed"
    assert verdict.texts() == ["Hel"]


@pytest.mark.parametrize("sent", [503, 429, 529])
async def test_a_failure_that_is_transient_is_a_broken_connection_for_claude_code(
    pinging: RunningGateway, backend: RawBackend, sent: int
) -> None:
    async with connected(pinging.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt(), CLAUDE_CODE))
        asked = await backend.next_request()
        await client.head()
        await asked.refuse(sent, "not now")

        with pytest.raises(ConnectionResetError):
            await client.read_until_closed()


async def test_a_client_that_stops_reading_stops_the_backend_and_loses_nothing(
    gateway: RunningGateway, backend: RawBackend
) -> None:
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt()))
        asked = await (await backend.next_request()).begin()
        flood = Flood(asked)
        await flood.has_stopped()
        sent_unread = flood.parts
        flood.last = sent_unread + 100
        reading = asyncio.create_task(client.response())
        await flood.task
        await asked.finish()
        verdict = judge((await reading).body)

    assert sent_unread * len(PIECE) < MAX_BYTES_IN_FLIGHT
    assert verdict.outcome == "whole"
    assert verdict.texts() == [PIECE * flood.parts]


async def test_a_client_that_does_not_read_is_not_cut_off_for_it(tmp_path: Path, backend: RawBackend) -> None:
    timeouts = Timeouts(stall_seconds=0.05, finish_seconds=0.05, first_byte_seconds=0.05)
    timing = StreamTiming(ping_seconds=0.01)
    options = replace(QUICK, timeouts=timeouts, timing=timing)
    async with (
        running_gateway(tmp_path, target_at(backend.base_url), options=options) as gateway,
        connected(gateway.base_url) as client,
    ):
        await client.send(request("POST", "/v1/messages", prompt()))
        asked = await (await backend.next_request()).begin()
        flood = Flood(asked)
        await flood.has_stopped()
        flood.last = flood.parts
        assert not asked.closed.is_set()
        reading = asyncio.create_task(client.response())
        await flood.task
        await asked.finish()
        verdict = judge((await reading).body)

    assert verdict.outcome == "whole"
    assert verdict.texts() == [PIECE * flood.parts]


async def test_a_client_that_leaves_while_it_does_not_read_frees_the_backend(
    gateway: RunningGateway, backend: RawBackend
) -> None:
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt()))
        asked = await (await backend.next_request()).begin()
        flood = Flood(asked)
        await flood.has_stopped()
        client.reset()
        await asked.wait_closed()
        record = await gateway.recorded(1)
        await flood.task

    assert record["outcome"] == "client_left"


async def test_the_last_words_reach_a_client_that_reads_them_late(gateway: RunningGateway, backend: RawBackend) -> None:
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt()))
        await (await backend.next_request()).reply(PIECE)
        await gateway.recorded(1)
        response = await client.response()

    assert judge(response.body).texts() == [PIECE]


class Flood:
    """A backend that says more and more until `last` pieces were sent, or its client has left."""

    def __init__(self, asked: ReceivedRequest) -> None:
        self.parts = 0
        self.last: int | None = None
        self._asked = asked
        self._went_on = asyncio.Event()
        self.task = asyncio.create_task(self._run())

    async def has_stopped(self) -> None:
        """Wait until something keeps it from sending any more."""
        with contextlib.suppress(TimeoutError):
            while True:
                self._went_on.clear()
                await asyncio.wait_for(self._went_on.wait(), QUIET_SECONDS)

    async def _run(self) -> None:
        with contextlib.suppress(ConnectionError):
            while self.last is None or self.parts < self.last:
                await self._asked.say(PIECE)
                self.parts += 1
                self._went_on.set()
