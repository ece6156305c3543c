"""Replies that outlive the clients that waited for them, for a moment."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Never

import pytest
from msgspec.structs import replace
from tests.parts.gateway import QUICK, running_gateway, target_at
from tests.parts.manual_clock import ManualClock
from tests.parts.raw_backend import RawBackend
from tests.parts.raw_client import CLAUDE_CODE, connected, prompt, request
from tests.parts.referee import judge

from anyclaude.backends.breaker import CircuitBreaker
from anyclaude.backends.fake import FakeBackend, FakeReply, Replay
from anyclaude.dialects import dialect_named
from anyclaude.errors import BackendTimeout, BackendUnreachable
from anyclaude.exchange.pending_replies import PendingReplies, PendingReply, ReattachPolicy
from anyclaude.scheduling.admission import Admission
from anyclaude.scheduling.dispatch import OpenReply, Progress, Upstream

LONG = ReattachPolicy(usual_seconds=60.0, after_deadline_seconds=60.0)
NONE = ReattachPolicy(usual_seconds=0.0, after_deadline_seconds=0.0)


class Work:
    """The work of opening a reply, as a test sees it."""

    def __init__(self, openings: PendingReplies) -> None:
        self.go_on = asyncio.Event()
        self.is_let_go = asyncio.Event()
        self.opening = openings.begin(self._run(), Progress())

    async def _run(self) -> OpenReply:
        async with AsyncExitStack() as stack:
            stack.callback(self.is_let_go.set)
            await self.go_on.wait()
            return replied(stack.pop_all())


def replied(resources: AsyncExitStack) -> OpenReply:
    backend = FakeBackend(target_at("http://fake/v1"), FakeReply())
    upstream = Upstream(backend, dialect_named("openai_chat"), CircuitBreaker(lambda: 0.0), Admission(1, 1))
    return OpenReply(upstream, Replay(FakeReply()), upstream.dialect.decoder(""), [], True, resources)


async def test_a_client_that_comes_back_gets_the_reply_it_left() -> None:
    openings = PendingReplies(lambda: 0.0, LONG)
    work = Work(openings)
    openings.leave(b"key", work.opening)

    adopted = openings.adopt(b"key")

    assert adopted is work.opening
    assert openings.adopt(b"key") is None
    work.go_on.set()
    await (await work.opening.take()).aclose()


async def test_one_that_does_not_come_back_frees_the_backend() -> None:
    openings = PendingReplies(lambda: 0.0, NONE)
    work = Work(openings)
    openings.leave(b"key", work.opening)

    await work.is_let_go.wait()

    assert openings.adopt(b"key") is None
    await openings.close()


async def test_a_reply_that_began_while_nobody_waited_is_let_go_of_too() -> None:
    openings = PendingReplies(lambda: 0.0, NONE)
    work = Work(openings)
    work.go_on.set()
    await work.opening.begun(60.0)
    openings.leave(b"key", work.opening)

    await work.is_let_go.wait()

    await openings.close()


async def test_without_a_key_nobody_can_come_back() -> None:
    openings = PendingReplies(lambda: 0.0, LONG)
    work = Work(openings)
    openings.leave(None, work.opening)

    await work.is_let_go.wait()

    assert openings.adopt(None) is None


async def test_another_key_finds_nothing() -> None:
    openings = PendingReplies(lambda: 0.0, LONG)
    work = Work(openings)
    openings.leave(b"key", work.opening)

    assert openings.adopt(b"other") is None
    await openings.close()
    assert work.is_let_go.is_set()


async def test_of_two_that_leave_under_one_key_one_is_kept() -> None:
    openings = PendingReplies(lambda: 0.0, LONG)
    first, second = Work(openings), Work(openings)
    openings.leave(b"key", first.opening)
    openings.leave(b"key", second.opening)

    await second.is_let_go.wait()

    assert openings.adopt(b"key") is first.opening
    openings.leave(None, first.opening)
    await first.is_let_go.wait()


async def test_a_client_whose_own_deadline_struck_has_longer_to_come_back() -> None:
    clock = ManualClock()
    openings = PendingReplies(clock.seconds, ReattachPolicy(usual_seconds=0.0, after_deadline_seconds=60.0))
    patient = Work(openings)
    clock.time += 290.0
    hasty = Work(openings)
    openings.leave(b"patient", patient.opening)
    openings.leave(b"hasty", hasty.opening)

    await hasty.is_let_go.wait()

    assert openings.adopt(b"patient") is patient.opening
    openings.leave(None, patient.opening)
    await openings.close()


async def test_a_failure_is_not_kept_for_the_next_client() -> None:
    openings = PendingReplies(lambda: 0.0, LONG)
    failed = openings.begin(refused(), Progress())
    failing = openings.begin(refused(), Progress())
    openings.leave(b"later", failing)
    with pytest.raises(BackendUnreachable):
        await failed.begun(60.0)
    openings.leave(b"key", failed)

    assert failed.has_failed
    assert openings.adopt(b"key") is None
    assert openings.adopt(b"later") is None
    await openings.close()


async def test_to_wait_for_the_beginning_has_an_end() -> None:
    work = Work(PendingReplies(lambda: 0.0, LONG))

    await work.opening.begun(0.0)

    assert not work.opening.has_failed
    await work.opening.abandon()
    assert work.is_let_go.is_set()


async def test_giving_up_a_reply_that_fails_on_the_way_out_is_quiet() -> None:
    async def fails_when_cancelled() -> OpenReply:
        try:
            await asyncio.Event().wait()
        finally:
            raise BackendTimeout("too late")

    opening = PendingReply(fails_when_cancelled(), Progress(), 0.0)
    await asyncio.sleep(0)

    await opening.abandon()

    assert opening.has_failed


async def test_a_repeated_request_receives_everything_from_the_start(tmp_path: Path, backend: RawBackend) -> None:
    options = replace(QUICK, reattach_policy=LONG)
    async with running_gateway(tmp_path, target_at(backend.base_url), options=options) as gateway:
        async with connected(gateway.base_url) as first:
            await first.send(request("POST", "/v1/messages", prompt(), CLAUDE_CODE))
            asked = await backend.next_request()
            first.reset()
            await gateway.recorded(1)
        async with connected(gateway.base_url) as second:
            await second.send(request("POST", "/v1/messages", prompt(), CLAUDE_CODE))
            await asked.reply("Hel", "lo")
            response = await second.response()
        left, completed = gateway.records()

    assert judge(response.body).texts() == ["Hello"]
    assert len(backend.requests) == 1
    assert (left["outcome"], left["was_adopted"]) == ("client_left", False)
    assert (completed["outcome"], completed["was_adopted"], completed["attempts"]) == ("completed", True, 1)


ANOTHER = pytest.mark.moves_prefix(reason="the user took the question back and asks another")


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        pytest.param(prompt("Another"), CLAUDE_CODE, marks=ANOTHER),
        (prompt(stream=False), CLAUDE_CODE),
        (prompt(), {**CLAUDE_CODE, "x-claude-code-session-id": "session-2"}),
        (prompt(), {**CLAUDE_CODE, "x-claude-code-agent-id": "a1"}),
        (prompt(), {}),
    ],
    ids=["another prompt", "not streamed", "another session", "a sub-agent", "no session"],
)
async def test_another_request_is_another_request(
    tmp_path: Path, backend: RawBackend, body: bytes, headers: dict[str, str]
) -> None:
    options = replace(QUICK, reattach_policy=LONG)
    async with running_gateway(tmp_path, target_at(backend.base_url), options=options) as gateway:
        async with connected(gateway.base_url) as first:
            await first.send(request("POST", "/v1/messages", prompt(), CLAUDE_CODE))
            abandoned = await backend.next_request()
            first.reset()
            await gateway.recorded(1)
        async with connected(gateway.base_url) as second:
            await second.send(request("POST", "/v1/messages", body, headers))
            await (await backend.next_request()).reply("Hello")
            await second.response()

        assert len(backend.requests) == 2
        assert not abandoned.closed.is_set()
    await abandoned.wait_closed()


async def test_a_request_repeated_too_late_is_asked_anew(tmp_path: Path, backend: RawBackend) -> None:
    options = replace(QUICK, reattach_policy=NONE)
    async with running_gateway(tmp_path, target_at(backend.base_url), options=options) as gateway:
        async with connected(gateway.base_url) as first:
            await first.send(request("POST", "/v1/messages", prompt(), CLAUDE_CODE))
            abandoned = await backend.next_request()
            first.reset()
            await abandoned.wait_closed()
        async with connected(gateway.base_url) as second:
            await second.send(request("POST", "/v1/messages", prompt(), CLAUDE_CODE))
            await (await backend.next_request()).reply("Hello")
            response = await second.response()

    assert judge(response.body).texts() == ["Hello"]
    assert len(backend.requests) == 2


async def test_a_client_without_a_session_cannot_come_back(tmp_path: Path, backend: RawBackend) -> None:
    options = replace(QUICK, reattach_policy=LONG)
    async with (
        running_gateway(tmp_path, target_at(backend.base_url), options=options) as gateway,
        connected(gateway.base_url) as client,
    ):
        await client.send(request("POST", "/v1/messages", prompt()))
        asked = await backend.next_request()
        client.reset()

        await asked.wait_closed()


async def refused() -> Never:
    raise BackendUnreachable("nobody there")
