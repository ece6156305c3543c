"""A large request holds up no other, and one that consists of too much is refused."""

import asyncio
import base64
import json
from threading import Event

import pytest
from tests.parts.gateway import RunningGateway
from tests.parts.json_at import at
from tests.parts.pictures import png
from tests.parts.raw_backend import RawBackend
from tests.parts.raw_client import connected, prompt, request
from tests.parts.referee import judge

from anyclaude.exchange import message_exchange
from anyclaude.protocol.json_bounds import MAX_CONTAINERS, check_bounds
from anyclaude.worker_threads import INLINE_BYTES

LARGE = "word " * INLINE_BYTES


def held_preparation(monkeypatch: pytest.MonkeyPatch) -> tuple[Event, Event]:
    """Hold the preparation of large requests; return the event that one has begun, and the one that lets it go on."""
    begun, may_go_on = Event(), Event()

    def held(body: bytes) -> None:
        if len(body) > INLINE_BYTES:
            begun.set()
            may_go_on.wait()
        check_bounds(body)

    monkeypatch.setattr(message_exchange, "check_bounds", held)
    return begun, may_go_on


async def test_a_small_request_is_answered_while_a_large_one_is_prepared(
    gateway: RunningGateway, backend: RawBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_go_on = held_preparation(monkeypatch)
    async with connected(gateway.base_url) as large, connected(gateway.base_url) as small:
        await large.send(request("POST", "/v1/messages", prompt(LARGE)))
        await asyncio.to_thread(begun.wait)
        await small.send(request("POST", "/v1/messages", prompt("Hi")))
        await (await backend.next_request()).reply("Hello")
        answered_first = await small.response()
        may_go_on.set()
        await (await backend.next_request()).reply("Read")
        answered_last = await large.response()

    assert judge(answered_first.body).texts() == ["Hello"]
    assert judge(answered_last.body).texts() == ["Read"]


async def test_a_client_that_leaves_while_its_request_is_prepared_costs_the_backend_nothing(
    gateway: RunningGateway, backend: RawBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_go_on = held_preparation(monkeypatch)
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt(LARGE)))
        await asyncio.to_thread(begun.wait)
        client.reset()
        record = await gateway.recorded(1)
    may_go_on.set()
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt("Hi")))
        await (await backend.next_request()).reply("Hello")
        await client.response()

    assert record["outcome"] == "client_left"
    assert len(backend.requests) == 1


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
async def test_a_body_of_too_many_parts_is_refused(path: str, gateway: RunningGateway) -> None:
    body = json.dumps({"model": "m", "max_tokens": 9, "x": [[]] * (MAX_CONTAINERS + 1)}).encode()

    async with connected(gateway.base_url) as client:
        response = await client.ask("POST", path, body)

    error = json.loads(response.body)
    assert (response.status, error["error"]["type"]) == (413, "request_too_large")
    assert "objects and lists" in error["error"]["message"]


DATA = base64.b64encode(png() + bytes(range(256)) * 2_000).decode()
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DATA}}


def with_image(*texts: str) -> bytes:
    """Return a prompt with an image and some texts."""
    blocks = [IMAGE, *({"type": "text", "text": text} for text in texts)]
    turn = {"role": "user", "content": blocks}
    return json.dumps({"model": "m", "max_tokens": 9, "stream": True, "messages": [turn]}).encode()


async def test_an_image_reaches_the_server_as_it_arrived(gateway: RunningGateway, backend: RawBackend) -> None:
    async with connected(gateway.base_url) as client:
        for texts in (("What is it?",), ("What is it?", "And now?")):
            await client.send(request("POST", "/v1/messages", with_image(*texts)))
            received = await backend.next_request()
            await received.reply("A ramp")
            await client.response()

            assert at(received.json, "messages", 0, "content", 0, "image_url", "url") == f"data:image/png;base64,{DATA}"
            assert received.headers["content-length"] == str(len(received.body))


async def test_a_document_of_text_reaches_the_server_as_its_text(gateway: RunningGateway, backend: RawBackend) -> None:
    text = "All work and no play. " * 5_000
    source = {"type": "base64", "media_type": "text/plain", "data": base64.b64encode(text.encode()).decode()}
    turn = {"role": "user", "content": [{"type": "document", "source": source}]}
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt("", messages=[turn])))
        received = await backend.next_request()
        await received.reply("Read")
        await client.response()

    assert at(received.json, "messages", 0, "content") == text


async def test_a_body_of_more_text_than_any_conversation_is_refused_before_it_has_arrived(
    gateway: RunningGateway,
) -> None:
    announced = {"Content-Length": str(30 * 1024 * 1024)}
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt("word " * 1_500_000), announced))
        response = await client.response()

    assert (response.status, response.error[0]) == (413, "request_too_large")
    assert "6,291,456 bytes besides" in response.error[1]


async def test_base64_that_is_no_data_counts_as_text(gateway: RunningGateway) -> None:
    async with connected(gateway.base_url) as client:
        response = await client.ask("POST", "/v1/messages", prompt("A" * 7_000_000))

    assert (response.status, response.error[0]) == (413, "request_too_large")
