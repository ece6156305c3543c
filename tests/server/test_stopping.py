"""How a gateway stops: what waits is refused, what runs may end, and what is cut off says so."""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.parts.gateway import QUICK, running_gateway, target_at
from tests.parts.raw_backend import RawBackend, ReceivedRequest
from tests.parts.raw_client import CLAUDE_CODE, RawClient, connected, prompt, request
from tests.parts.referee import judge

from anyclaude.errors import ShuttingDown
from anyclaude.server.stopping import Stopping

AT_ONCE = replace(QUICK, grace_seconds=0.02)
PIECE = "".join(f"{number:8}" for number in range(4_000))
PATIENT = replace(QUICK, grace_seconds=60.0)


async def stream_begun(client: RawClient, backend: RawBackend, **headers: str) -> None:
    """Send a request, and let its reply begin."""
    await client.send(request("POST", "/v1/messages", prompt(), headers))
    received = await (await backend.next_request()).begin()
    await received.say("Hel")
    await client.head()
    await client.events_until("content_block_delta")


async def test_a_stream_that_is_cut_off_ends_with_an_error_event(tmp_path: Path, backend: RawBackend) -> None:
    async with (
        running_gateway(tmp_path, target_at(backend.base_url), options=AT_ONCE) as gateway,
        connected(gateway.base_url) as client,
    ):
        await stream_begun(client, backend)
        await gateway.stop()
        rest = b"".join([piece async for piece in client.pieces()])

    assert rest.startswith(b"event: error\n")
    assert (b"overloaded_error" in rest, b"message_stop" in rest) == (True, False)


async def test_the_stream_of_claude_code_that_is_cut_off_is_reset(tmp_path: Path, backend: RawBackend) -> None:
    async with (
        running_gateway(tmp_path, target_at(backend.base_url), options=AT_ONCE) as gateway,
        connected(gateway.base_url) as client,
    ):
        await stream_begun(client, backend, **CLAUDE_CODE)
        await gateway.stop()
        with pytest.raises(ConnectionResetError):
            await client.read_until_closed()

    assert gateway.records()[0]["outcome"] == "failed"


@pytest.mark.parametrize("has_begun", [True, False])
async def test_a_whole_message_that_is_cut_off_is_an_error(
    has_begun: bool, tmp_path: Path, backend: RawBackend
) -> None:
    async with (
        running_gateway(tmp_path, target_at(backend.base_url), options=AT_ONCE) as gateway,
        connected(gateway.base_url) as client,
    ):
        await client.send(request("POST", "/v1/messages", prompt(stream=False)))
        received = await backend.next_request()
        if has_begun:
            await received.begin()
            await received.say("Hel")
        await gateway.stop()
        response = await client.response()

    assert (response.status, response.error[0]) == (529, "overloaded_error")
    assert response.headers["x-should-retry"] == "true"


async def test_requests_that_wait_are_refused_at_once_and_those_that_run_may_end(
    tmp_path: Path, backend: RawBackend
) -> None:
    target = target_at(backend.base_url, parallel_requests=1)
    async with (
        running_gateway(tmp_path, target, options=PATIENT) as gateway,
        connected(gateway.base_url) as running,
        connected(gateway.base_url) as waiting,
        connected(gateway.base_url) as asking,
    ):
        await running.send(request("POST", "/v1/messages", prompt()))
        received = await (await backend.next_request()).begin()
        await received.say("Hel")
        await waiting.send(request("POST", "/v1/messages", prompt()))
        while b'"waiting":1' not in (await asking.ask("GET", "/health")).body:
            pass
        stopping = asyncio.ensure_future(gateway.stop())
        refused = await waiting.response()
        await received.say("lo")
        await received.finish()
        reply = await running.response()
        await stopping

    assert (refused.status, refused.headers["retry-after"]) == (529, "1")
    assert "still waiting" in refused.error[1]
    assert judge(reply.body).outcome == "whole"


async def test_readers_that_have_stopped_and_bodies_that_do_not_end_do_not_hold_the_stop(
    tmp_path: Path, backend: RawBackend
) -> None:
    async with (
        running_gateway(tmp_path, target_at(backend.base_url), options=AT_ONCE) as gateway,
        connected(gateway.base_url) as reader,
        connected(gateway.base_url) as sender,
    ):
        await reader.send(request("POST", "/v1/messages", prompt()))
        received = await (await backend.next_request()).begin()
        flood = asyncio.create_task(_flood(received))
        await sender.send(b"POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{")
        await gateway.stop()
        await flood

    assert {record["outcome"] for record in gateway.records()} == {"failed"}


async def _flood(received: ReceivedRequest) -> None:
    with pytest.raises(ConnectionError):
        while True:
            await received.say(PIECE)


async def test_only_what_was_cut_is_shutting_down() -> None:
    stopping = Stopping()
    with pytest.raises(TimeoutError):
        async with stopping.cuttable():
            raise TimeoutError
    with pytest.raises(ShuttingDown):
        async with stopping.cuttable():
            stopping.cut()
            await asyncio.Event().wait()
    async with stopping.cuttable():
        pass


async def test_the_stop_waits_for_what_is_counted() -> None:
    stopping = Stopping()
    with stopping.counted(), stopping.counted():
        waiting = asyncio.ensure_future(stopping.wait_idle(60.0))
        await asyncio.sleep(0)
        assert not waiting.done()
    await waiting
