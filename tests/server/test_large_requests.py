"""A large request holds up no other, and one that consists of too much is refused."""

import asyncio
import json
from threading import Event

import pytest
from tests.parts.gateway import RunningGateway
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
