"""A reply is over when its server says so, whatever the server does with the connection afterwards."""

import asyncio
import contextlib
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.parts.gateway import QUICK, RunningGateway, running_gateway, target_at
from tests.parts.raw_backend import RawBackend, ReceivedRequest
from tests.parts.raw_client import connected, prompt, request
from tests.parts.referee import judge

from anyclaude.timeouts import Timeouts

DONE = [b"data: [DONE]\n\n", b"data:[DONE]\r\n\r\n", b"data: [DONE]\n\ndata: [DONE]\n\n", b"data: [DONE]\n\n: ping\n\n"]
FINISH = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
USAGE = {"choices": [], "usage": {"prompt_tokens": 12, "completion_tokens": 3}}

SIGNS_OF_LIFE = [
    b": ping\n\n",
    b"data: \n\n",
    b'data: {"choices": []}\n\n',
    b'data: {"choices": [{"index": 0, "delta": {}}]}\n\n',
]


@pytest.mark.parametrize("done", DONE)
@pytest.mark.parametrize("has_reason", [True, False])
@pytest.mark.parametrize("streams", [True, False])
async def test_the_marked_end_is_not_followed_by_a_wait(
    done: bytes, has_reason: bool, streams: bool, gateway: RunningGateway, backend: RawBackend
) -> None:
    """The server leaves its connection open for as long as the client has not received the whole reply."""
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt(stream=streams)))
        received = await (await backend.next_request()).begin()
        await received.say("Hello")
        if has_reason:
            await received.event(FINISH)
        await received.event(USAGE)
        await received.chunk(done)
        response = await client.response()
        await received.wait_closed()

    assert (b"Hello" in response.body) and response.status == 200
    assert not streams or judge(response.body).outcome == "whole"


async def test_the_connection_of_a_reply_is_kept_if_its_body_ends_after_the_marked_end(
    gateway: RunningGateway, backend: RawBackend
) -> None:
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt()))
        first = await (await backend.next_request()).begin()
        await first.say("Hello")
        await first.chunk(b"data: [DONE]\n\n")
        await client.response()
        await first.end()
        await first.writer.drain()
        for _ in range(3):
            await client.ask("GET", "/health")  # so that the gateway has read the end
        await client.send(request("POST", "/v1/messages", prompt()))
        second = await backend.next_request()
        await second.reply("Hello again")
        response = await client.response()

    assert judge(response.body).outcome == "whole"
    assert second.writer is first.writer


@pytest.mark.parametrize("sign", SIGNS_OF_LIFE)
async def test_signs_of_life_after_the_finish_reason_do_not_hold_the_reply(
    sign: bytes, tmp_path: Path, backend: RawBackend
) -> None:
    """The server writes them for as long as its connection is open."""
    options = replace(QUICK, timeouts=Timeouts(finish_seconds=0.05))
    async with (
        running_gateway(tmp_path, target_at(backend.base_url), options=options) as gateway,
        connected(gateway.base_url) as client,
    ):
        await client.send(request("POST", "/v1/messages", prompt()))
        received = await (await backend.next_request()).begin()
        await received.say("Hello")
        await received.event(FINISH)
        pinging = asyncio.create_task(_repeat(received, sign))
        response = await client.response()
        await pinging

    assert judge(response.body).outcome == "whole"


@pytest.mark.parametrize("sign", SIGNS_OF_LIFE)
async def test_signs_of_life_in_mid_reply_do_not_hold_it_for_ever(
    sign: bytes, tmp_path: Path, backend: RawBackend
) -> None:
    options = replace(QUICK, timeouts=Timeouts(stall_seconds=60.0, first_byte_seconds=0.2, retry_seconds=0.0))
    async with (
        running_gateway(tmp_path, target_at(backend.base_url), options=options) as gateway,
        connected(gateway.base_url) as client,
    ):
        await client.send(request("POST", "/v1/messages", prompt()))
        received = await (await backend.next_request()).begin()
        await received.say("Hello")
        pinging = asyncio.create_task(_repeat(received, sign))
        again = await backend.next_request()
        await again.refuse(400, "no")
        response = await client.response()
        await pinging

    assert judge(response.body).outcome == "failed"


async def _repeat(received: ReceivedRequest, sign: bytes) -> None:
    with contextlib.suppress(ConnectionError):
        while not received.closed.is_set():
            await received.chunk(sign)
            await asyncio.sleep(0)
