"""What a server sends without an end is broken off, said, and never taken for a whole reply."""

import asyncio
import itertools
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.parts.chat_reply import sse
from tests.parts.gateway import QUICK, RunningGateway, running_gateway, target_at
from tests.parts.raw_backend import RawBackend, ReceivedRequest
from tests.parts.raw_client import connected, prompt, request
from tests.parts.referee import judge

from anyclaude.protocol.json_values import JsonObject
from anyclaude.timeouts import Timeouts

LIMIT = 100_000


@pytest.fixture(autouse=True)
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set limits that are reached in a moment."""
    monkeypatch.setattr("anyclaude.exchange.reply_size.MAX_REPLY_SIZE", LIMIT)
    monkeypatch.setattr("anyclaude.backends.reading.MAX_REPLY_BYTES", 10 * LIMIT)
    monkeypatch.setattr("anyclaude.backends.reading.MAX_ANSWER_BYTES", LIMIT)


def chunk(delta: JsonObject) -> bytes:
    return sse({"choices": [{"index": 0, "delta": delta}]})


def call(number: int, arguments: str) -> JsonObject:
    return {"tool_calls": [{"index": number, "id": f"call{number}", "function": {"name": "f", "arguments": arguments}}]}


def texts() -> Iterator[bytes]:
    return (chunk({"content": f" {number}"}) for number in itertools.count())


def thoughts() -> Iterator[bytes]:
    return (chunk({"reasoning_content": f" {number}"}) for number in itertools.count())


def arguments() -> Iterator[bytes]:
    return (chunk(call(0, '{"a":"' if number == 0 else f"{number} ")) for number in itertools.count())


def calls() -> Iterator[bytes]:
    return (chunk(call(number, "{}")) for number in itertools.count())


def comments() -> Iterator[bytes]:
    return itertools.chain([chunk({"content": "Hi"})], itertools.repeat(b": ping\n\n" * 1000))


def blank_lines() -> Iterator[bytes]:
    return itertools.chain([chunk({"content": "Hi"})], itertools.repeat(b"\n" * 10_000))


@pytest.mark.parametrize("endless", [texts, thoughts, arguments, calls, comments, blank_lines])
@pytest.mark.parametrize("streams", [True, False])
async def test_a_reply_without_an_end_is_broken_off(
    endless: Callable[[], Iterator[bytes]], streams: bool, gateway: RunningGateway, backend: RawBackend
) -> None:
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt(stream=streams)))
        received = await (await backend.next_request()).begin()
        sending = asyncio.create_task(send_all(received, endless()))
        response = await client.response()
        await sending

    if streams:
        assert judge(response.body).outcome == "failed"
    else:
        assert response.status == 502
        assert response.error[0] == "api_error"


async def test_a_token_count_without_an_end_is_replaced_by_an_estimate(
    gateway: RunningGateway, backend: RawBackend
) -> None:
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", "/v1/messages/count_tokens", prompt()))
        received = await (await backend.next_request()).begin(content_type="application/json")
        sending = asyncio.create_task(send_all(received, itertools.repeat(b'{"input_tokens": 3, "x": "' + b"x" * 1000)))
        response = await client.response()
        await sending

    assert response.status == 200
    assert isinstance(response.json["input_tokens"], int)


async def test_an_error_without_an_end_is_an_error_with_its_beginning(
    gateway: RunningGateway, backend: RawBackend
) -> None:
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt()))
        received = await (await backend.next_request()).begin(400, "text/plain")
        sending = asyncio.create_task(send_all(received, itertools.repeat(b"The field temperature is odd. " * 100)))
        response = await client.response()
        await sending

    assert response.status == 400
    assert "temperature" in response.error[1]


@pytest.mark.parametrize("head", [b"X-A: b\r\n" * 100, b"x" * 1000])
async def test_a_head_without_an_end_is_no_answer(head: bytes, tmp_path: Path, backend: RawBackend) -> None:
    options = replace(QUICK, timeouts=Timeouts(retry_seconds=0.0))
    async with (
        running_gateway(tmp_path, target_at(backend.base_url), options=options) as gateway,
        connected(gateway.base_url) as client,
    ):
        await client.send(request("POST", "/v1/messages", prompt()))
        received = await backend.next_request()
        await received.send(b"HTTP/1.1 200 OK\r\nX-Begin: ")
        with suppress(ConnectionError):
            while not received.closed.is_set():
                await received.send(head)
                await asyncio.sleep(0)
        response = await client.response()

    assert response.status == 503


async def send_all(received: ReceivedRequest, pieces: Iterator[bytes]) -> None:
    """Send pieces until the other side closes the connection."""
    with suppress(ConnectionError):
        while not received.closed.is_set():
            await received.chunk(next(pieces))
            await asyncio.sleep(0)
