"""Any bytes at all: they are understood, or refused in the Anthropic shape, and nothing else ever happens."""

import asyncio
import itertools
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest
import uvloop
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.faults.spectator import Seen, see
from tests.fuzz.decoding import take_refusal, take_reply, take_request
from tests.fuzz.specimens import REQUEST, as_json, replies, requests
from tests.parts.faulty_backend import Ending, Framing, Play, faulty_backend
from tests.parts.gateway import running_gateway, target_at
from tests.parts.raw_client import request
from tests.parts.referee import judge
from tests.parts.splits import any_split

from anyclaude.exchange import Clock
from anyclaude.exchange.caller import AGENT_HEADER
from anyclaude.server import GatewayOptions
from anyclaude.timeouts import Timeouts

HASTE = 10_000.0
"""The gateway's clock runs this much faster, so that no circuit stays open for long."""

GOOD = Play((b'data: {"choices":[{"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',))


@given(requests)
@example(as_json(REQUEST))
@example(b'{"model":"\\ud800","max_tokens":1,"messages":[{"role":"user","content":"\\udfff"}]}')
@example(b'{"model":"m","max_tokens":1e400,"messages":[]}')
@settings(max_examples=400, deadline=None)
def test_a_request_is_understood_or_refused(body: bytes) -> None:
    assert take_request(body) in {"understood", "refused"}


def test_an_honest_request_is_understood() -> None:
    assert take_request(as_json(REQUEST)) == "understood"


@given(replies, st.data())
@settings(max_examples=400, deadline=None)
def test_a_reply_is_understood_or_is_the_backends_fault_and_the_same_for_any_split(
    body: bytes, data: st.DataObject
) -> None:
    assert take_reply([body]) == take_reply(data.draw(any_split(body)))


@given(st.integers(100, 700), replies)
@settings(max_examples=200, deadline=None)
def test_a_refusal_has_a_kind_whatever_its_body(status: int, body: bytes) -> None:
    assert take_refusal(status, body)


class House:
    """A gateway and the backend behind it, which answers everything with the same play."""

    def __init__(self, runner: asyncio.Runner, port: int, plays: list[Play]) -> None:
        self._runner = runner
        self._port = port
        self._plays = plays
        self._agents = itertools.count()

    def post(self, bodies: list[bytes], play: Play = GOOD) -> list[Seen]:
        """Post each of the bodies, and return what came back."""
        self._plays[:] = [play]
        return self._runner.run(self._post(bodies))

    async def _post(self, bodies: list[bytes]) -> list[Seen]:
        """Each is of an agent of its own: bodies that happen to begin alike are no turns of one conversation."""
        headers = [{"Connection": "close", AGENT_HEADER: f"agent-{next(self._agents)}"} for _ in bodies]
        posts = [request("POST", "/v1/messages", *post) for post in zip(bodies, headers, strict=True)]
        return await asyncio.gather(*(see("127.0.0.1", self._port, post) for post in posts))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Run both for all tests of this module; they live through all of it."""
    plays = [GOOD]
    options = GatewayOptions(grace_seconds=0.2, timeouts=Timeouts(retry_seconds=0.0))
    clock = Clock(seconds=lambda: time.monotonic() * HASTE, sleep=lambda seconds: asyncio.sleep(seconds / HASTE))

    async def open_it(stack: AsyncExitStack) -> int:
        server = await stack.enter_async_context(faulty_backend(lambda received: plays[0]))
        target = target_at(server.base_url, "llamacpp", 100)
        folder = tmp_path_factory.mktemp("fuzz")
        gateway = await stack.enter_async_context(running_gateway(folder, target, options=options, clock=clock))
        return gateway.gateway.port

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        stack = AsyncExitStack()
        yield House(runner, runner.run(open_it(stack)), plays)
        runner.run(stack.aclose())


@given(bodies=st.lists(requests, min_size=4, max_size=12))
@settings(max_examples=25, deadline=None)
def test_whatever_is_posted_gets_an_answer_in_the_anthropic_shape(house: House, bodies: list[bytes]) -> None:
    for seen in house.post(bodies):
        assert seen.is_intact
        if seen.status == 200:
            assert b"end_turn" in seen.body
        else:
            assert seen.status == 400
            assert seen.error()[0] == "invalid_request_error"


@given(body=replies, ending=st.sampled_from([Ending.PROPER, Ending.CLOSED]), framing=st.sampled_from(Framing))
@settings(max_examples=60, deadline=None)
def test_whatever_a_backend_sends_its_client_gets_a_stream_or_an_error(
    house: House, body: bytes, ending: Ending, framing: Framing
) -> None:
    (seen,) = house.post([as_json(REQUEST)], Play((body,), ending, framing))

    assert seen.is_intact
    if seen.status == 200:
        assert judge(seen.body).outcome in {"whole", "failed"}
    else:
        assert seen.status >= 400
        assert seen.error()
