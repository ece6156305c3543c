"""Arbitrary bytes are accepted or refused with an error in the Anthropic shape; nothing else happens."""

import asyncio
import itertools
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest
import uvloop
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.faults.observer import ObservedResponse, observe
from tests.fuzz.decoding import refusal_kind, reply_outcome, request_outcome
from tests.fuzz.strategies import REQUEST, as_json, replies, requests
from tests.parts.faulty_backend import Ending, Framing, Play, faulty_backend
from tests.parts.gateway import running_gateway, target_at
from tests.parts.raw_client import request
from tests.parts.referee import judge
from tests.parts.splits import any_split

from anyclaude.exchange import Clock
from anyclaude.exchange.caller import AGENT_HEADER
from anyclaude.server import GatewayOptions
from anyclaude.timeouts import Timeouts

CLOCK_SPEED = 10_000.0
"""Seconds of the gateway's clock per real second, so that an open circuit closes quickly."""

VALID_REPLY = Play((b'data: {"choices":[{"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',))


@given(requests)
@example(as_json(REQUEST))
@example(b'{"model":"\\ud800","max_tokens":1,"messages":[{"role":"user","content":"\\udfff"}]}')
@example(b'{"model":"m","max_tokens":1e400,"messages":[]}')
@settings(max_examples=400, deadline=None)
def test_a_request_is_accepted_or_refused(body: bytes) -> None:
    assert request_outcome(body) in {"accepted", "refused"}


def test_a_valid_request_is_accepted() -> None:
    assert request_outcome(as_json(REQUEST)) == "accepted"


@given(replies, st.data())
@settings(max_examples=400, deadline=None)
def test_the_outcome_of_a_reply_does_not_depend_on_how_its_bytes_are_split(body: bytes, data: st.DataObject) -> None:
    assert reply_outcome([body]) == reply_outcome(data.draw(any_split(body)))


@given(st.integers(100, 700), replies)
@settings(max_examples=200, deadline=None)
def test_an_error_response_has_a_kind_whatever_its_body(status: int, body: bytes) -> None:
    assert refusal_kind(status, body)


class FuzzedGateway:
    """A gateway, and a backend that answers every request with the same play."""

    def __init__(self, runner: asyncio.Runner, port: int, plays: list[Play]) -> None:
        self._runner = runner
        self._port = port
        self._plays = plays
        self._agents = itertools.count()

    def post(self, bodies: list[bytes], play: Play = VALID_REPLY) -> list[ObservedResponse]:
        """Post the bodies concurrently, and return the responses."""
        self._plays[:] = [play]
        return self._runner.run(self._post(bodies))

    async def _post(self, bodies: list[bytes]) -> list[ObservedResponse]:
        """Each request names another agent, so bodies that begin alike are not turns of one conversation."""
        headers = [{"Connection": "close", AGENT_HEADER: f"agent-{next(self._agents)}"} for _ in bodies]
        posts = [request("POST", "/v1/messages", *post) for post in zip(bodies, headers, strict=True)]
        return await asyncio.gather(*(observe("127.0.0.1", self._port, post) for post in posts))


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FuzzedGateway]:
    """Run both once for all tests of this module."""
    plays = [VALID_REPLY]
    options = GatewayOptions(grace_seconds=0.2, timeouts=Timeouts(retry_seconds=0.0))
    clock = Clock(
        seconds=lambda: time.monotonic() * CLOCK_SPEED, sleep=lambda seconds: asyncio.sleep(seconds / CLOCK_SPEED)
    )

    async def start(stack: AsyncExitStack) -> int:
        server = await stack.enter_async_context(faulty_backend(lambda received: plays[0]))
        target = target_at(server.base_url, "llamacpp", 100)
        folder = tmp_path_factory.mktemp("fuzz")
        gateway = await stack.enter_async_context(running_gateway(folder, target, options=options, clock=clock))
        return gateway.gateway.port

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        stack = AsyncExitStack()
        yield FuzzedGateway(runner, runner.run(start(stack)), plays)
        runner.run(stack.aclose())


@given(bodies=st.lists(requests, min_size=4, max_size=12))
@settings(max_examples=25, deadline=None)
def test_any_posted_body_gets_a_response_in_the_anthropic_shape(gateway: FuzzedGateway, bodies: list[bytes]) -> None:
    for response in gateway.post(bodies):
        assert response.is_intact
        if response.status == 200:
            assert b"end_turn" in response.body
        else:
            assert response.status == 400
            assert response.error()[0] == "invalid_request_error"


@given(body=replies, ending=st.sampled_from([Ending.PROPER, Ending.CLOSED]), framing=st.sampled_from(Framing))
@settings(max_examples=60, deadline=None)
def test_any_backend_response_becomes_a_stream_or_an_error(
    gateway: FuzzedGateway, body: bytes, ending: Ending, framing: Framing
) -> None:
    (response,) = gateway.post([as_json(REQUEST)], Play((body,), ending, framing))

    assert response.is_intact
    if response.status == 200:
        assert judge(response.body).outcome in {"whole", "failed"}
    else:
        assert response.status >= 400
        assert response.error()
