"""A server that goes on with a reply whose client has left is waited for."""

import json

import pytest
from msgspec.structs import replace
from tests.parts.fake_backend import FakeBackend, FakeReply
from tests.parts.gateway import target_at
from tests.parts.manual_clock import ManualClock
from tests.parts.upstreams import prepared_for

from anyclaude.backends import BackendTarget
from anyclaude.errors import BackendError, BackendRejected, BackendUnreachable
from anyclaude.scheduling import Dispatcher, Progress, Upstream
from anyclaude.scheduling.abandoned_work import PAUSE_SECONDS
from anyclaude.timeouts import Timeouts

VLLM_MLX = target_at("http://fake/v1", "vllm-mlx", 1)
HELLO_CHUNK = b'data: {"choices": [{"delta": {"content": "Hello"}}]}\n\n'
LONGEST_WAIT = 10.0
WHOLE = FakeReply(chunks=(HELLO_CHUNK, b"data: [DONE]\n\n"))


def computing(*ids: str) -> FakeReply:
    """Return the answer of `/v1/status`."""
    status = {"status": "running", "num_running": len(ids), "requests": [{"request_id": one} for one in ids]}
    return FakeReply(chunks=(json.dumps(status).encode(),), content_type="application/json")


class Setup:
    """A dispatcher over one server, whose client leaves the first reply."""

    def __init__(self, *script: FakeReply | BackendError, target: BackendTarget = VLLM_MLX) -> None:
        self.clock = ManualClock()
        self.backend = FakeBackend(target, *script)
        self.prepared = prepared_for(self.backend)
        self.upstream: Upstream = self.prepared.upstream
        timeouts = Timeouts(first_byte_seconds=LONGEST_WAIT, retry_seconds=0.0)
        self.dispatcher = Dispatcher([self.upstream], timeouts, self.clock.seconds, self.clock.sleep)

    async def asks(self, *, leaves: bool = False) -> Progress:
        """Open a reply, read it to its end unless the client leaves, and close it."""
        progress = Progress()
        opened = await self.dispatcher.open(self.prepared, progress)
        while not leaves and not opened.reader.is_over:
            await opened.reader.read(1.0)
        await opened.aclose()
        return progress

    @property
    def paths(self) -> list[str]:
        """What the server was asked, in order."""
        return [request.path for request in self.backend.requests]


STATUS, CHAT = "/v1/status", "/chat/completions"


async def test_the_next_request_is_sent_when_the_server_has_let_go() -> None:
    setup = Setup(WHOLE, computing("a"), computing("a", "b"), computing("b"), WHOLE, WHOLE)
    await setup.asks(leaves=True)

    progress = await setup.asks()
    after = await setup.asks()

    assert setup.paths == [CHAT, STATUS, STATUS, STATUS, CHAT, CHAT]
    assert progress.abandoned_work_seconds == pytest.approx(0.4)
    assert after.abandoned_work_seconds is None


async def test_a_reply_that_is_just_being_closed_is_one_that_was_left() -> None:
    setup = Setup(WHOLE, computing(), WHOLE)
    async with setup.upstream.send(setup.prepared, 1.0):
        await setup.asks()

    assert setup.paths == [CHAT, STATUS, CHAT]


@pytest.mark.parametrize(
    "answer",
    [BackendUnreachable("gone"), FakeReply(chunks=(b"nonsense",)), FakeReply(chunks=(b"{}",), status=404)],
    ids=["gone", "garbled", "no such route"],
)
async def test_a_server_that_does_not_say_what_it_computes_is_not_waited_for(answer: FakeReply | BackendError) -> None:
    setup = Setup(WHOLE, answer, WHOLE)
    await setup.asks(leaves=True)

    assert (await setup.asks()).abandoned_work_seconds == 0.0


async def test_the_wait_is_no_longer_than_that_for_a_reply() -> None:
    questions = round(LONGEST_WAIT / PAUSE_SECONDS) + 2
    setup = Setup(WHOLE, *[computing("a")] * questions)
    await setup.asks(leaves=True)

    with pytest.raises(BackendError):
        await setup.asks()

    assert setup.paths.count(CHAT) == 2
    assert sum(setup.clock.sleeps) == pytest.approx(LONGEST_WAIT, abs=2 * PAUSE_SECONDS)


async def test_a_refused_request_leaves_nothing_behind() -> None:
    setup = Setup(FakeReply(chunks=(b"{}",), status=400), WHOLE)
    with pytest.raises(BackendRejected):
        await setup.asks()
    await setup.asks()

    assert setup.paths == [CHAT, CHAT]


async def test_other_servers_stop_when_the_client_leaves_and_are_not_asked() -> None:
    setup = Setup(WHOLE, WHOLE, target=replace(VLLM_MLX, profile=target_at("http://fake/v1").profile))
    await setup.asks(leaves=True)

    assert (await setup.asks()).abandoned_work_seconds is None
    assert setup.paths == [CHAT, CHAT]
