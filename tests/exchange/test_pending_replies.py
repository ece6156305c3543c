"""Pending replies that are kept for a short time after their clients have left."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Never

import pytest
from msgspec.structs import replace
from tests.parts.fake_backend import FakeBackend, FakeReply, Replay
from tests.parts.gateway import QUICK, running_gateway, target_at
from tests.parts.manual_clock import ManualClock
from tests.parts.raw_backend import RawBackend
from tests.parts.raw_client import CLAUDE_CODE, connected, prompt, request
from tests.parts.referee import judge
from tests.parts.upstreams import prepared_for

from anyclaude.backends import DeltaReader
from anyclaude.errors import BackendTimeout, BackendUnreachable
from anyclaude.exchange.pending_replies import PendingReplies, PendingReply, ReattachPolicy
from anyclaude.scheduling import OpenReply, Progress

LONG = ReattachPolicy(usual_seconds=60.0, after_deadline_seconds=60.0)
NONE = ReattachPolicy(usual_seconds=0.0, after_deadline_seconds=0.0)

PREPARED = prepared_for(FakeBackend(target_at("http://fake/v1"), FakeReply()))


class PendingWork:
    """A pending reply that the test opens."""

    def __init__(self, pending_replies: PendingReplies) -> None:
        self.may_continue = asyncio.Event()
        self.is_released = asyncio.Event()
        self.pending = pending_replies.begin(self._run(), Progress())

    async def _run(self) -> OpenReply:
        async with AsyncExitStack() as stack:
            stack.callback(self.is_released.set)
            await self.may_continue.wait()
            return open_reply(stack.pop_all())


def open_reply(resources: AsyncExitStack) -> OpenReply:
    reader = DeltaReader(Replay(FakeReply()), PREPARED.upstream.dialect.decoder(""))
    return OpenReply(PREPARED, [], reader, resources)


async def test_a_client_that_comes_back_reattaches_to_its_pending_reply() -> None:
    pending_replies = PendingReplies(lambda: 0.0, LONG)
    work = PendingWork(pending_replies)
    pending_replies.detach(b"key", work.pending)

    reattached = pending_replies.reattach(b"key")

    assert reattached is work.pending
    assert pending_replies.reattach(b"key") is None
    work.may_continue.set()
    await (await work.pending.take()).aclose()


async def test_a_pending_reply_is_abandoned_if_no_client_comes_back_in_time() -> None:
    pending_replies = PendingReplies(lambda: 0.0, NONE)
    work = PendingWork(pending_replies)
    pending_replies.detach(b"key", work.pending)

    await work.is_released.wait()

    assert pending_replies.reattach(b"key") is None
    await pending_replies.close()


async def test_a_reply_that_has_begun_is_closed_if_no_client_comes_back() -> None:
    pending_replies = PendingReplies(lambda: 0.0, NONE)
    work = PendingWork(pending_replies)
    work.may_continue.set()
    await work.pending.wait_begun(60.0)
    pending_replies.detach(b"key", work.pending)

    await work.is_released.wait()

    await pending_replies.close()


async def test_without_a_key_a_pending_reply_is_abandoned_at_once() -> None:
    pending_replies = PendingReplies(lambda: 0.0, LONG)
    work = PendingWork(pending_replies)
    pending_replies.detach(None, work.pending)

    await work.is_released.wait()

    assert pending_replies.reattach(None) is None


async def test_another_key_does_not_reattach() -> None:
    pending_replies = PendingReplies(lambda: 0.0, LONG)
    work = PendingWork(pending_replies)
    pending_replies.detach(b"key", work.pending)

    assert pending_replies.reattach(b"other") is None
    await pending_replies.close()
    assert work.is_released.is_set()


async def test_of_two_pending_replies_with_one_key_the_first_is_kept() -> None:
    pending_replies = PendingReplies(lambda: 0.0, LONG)
    first, second = PendingWork(pending_replies), PendingWork(pending_replies)
    pending_replies.detach(b"key", first.pending)
    pending_replies.detach(b"key", second.pending)

    await second.is_released.wait()

    assert pending_replies.reattach(b"key") is first.pending
    pending_replies.detach(None, first.pending)
    await first.is_released.wait()


async def test_a_client_that_left_at_its_own_deadline_has_more_time_to_come_back() -> None:
    clock = ManualClock()
    pending_replies = PendingReplies(clock.seconds, ReattachPolicy(usual_seconds=0.0, after_deadline_seconds=60.0))
    patient = PendingWork(pending_replies)
    clock.time += 290.0
    hasty = PendingWork(pending_replies)
    pending_replies.detach(b"patient", patient.pending)
    pending_replies.detach(b"hasty", hasty.pending)

    await hasty.is_released.wait()

    assert pending_replies.reattach(b"patient") is patient.pending
    pending_replies.detach(None, patient.pending)
    await pending_replies.close()


async def test_a_failed_pending_reply_is_not_kept() -> None:
    pending_replies = PendingReplies(lambda: 0.0, LONG)
    failed = pending_replies.begin(refused(), Progress())
    failing = pending_replies.begin(refused(), Progress())
    pending_replies.detach(b"later", failing)
    with pytest.raises(BackendUnreachable):
        await failed.wait_begun(60.0)
    pending_replies.detach(b"key", failed)

    assert failed.has_failed
    assert pending_replies.reattach(b"key") is None
    assert pending_replies.reattach(b"later") is None
    await pending_replies.close()


async def test_the_wait_for_the_first_delta_is_limited() -> None:
    work = PendingWork(PendingReplies(lambda: 0.0, LONG))

    await work.pending.wait_begun(0.0)

    assert not work.pending.has_failed
    await work.pending.abandon()
    assert work.is_released.is_set()


async def test_abandoning_a_reply_ignores_an_error_during_the_cancellation() -> None:
    async def fail_when_cancelled() -> OpenReply:
        try:
            await asyncio.Event().wait()
        finally:
            raise BackendTimeout("too late")

    pending = PendingReply(fail_when_cancelled(), Progress(), 0.0)
    await asyncio.sleep(0)

    await pending.abandon()

    assert pending.has_failed


async def test_a_repeated_request_receives_the_whole_reply(tmp_path: Path, backend: RawBackend) -> None:
    options = replace(QUICK, reattach_policy=LONG)
    async with running_gateway(tmp_path, target_at(backend.base_url), options=options) as gateway:
        async with connected(gateway.base_url) as first:
            await first.send(request("POST", "/v1/messages", prompt(), CLAUDE_CODE))
            received = await backend.next_request()
            first.reset()
            await gateway.recorded(1)
        async with connected(gateway.base_url) as second:
            await second.send(request("POST", "/v1/messages", prompt(), CLAUDE_CODE))
            await received.reply("Hel", "lo")
            response = await second.response()
        left, completed = gateway.records()

    assert judge(response.body).texts() == ["Hello"]
    assert len(backend.requests) == 1
    assert (left["outcome"], left["was_adopted"]) == ("client_left", False)
    assert (completed["outcome"], completed["was_adopted"], completed["attempts"]) == ("completed", True, 1)


ANOTHER_PROMPT = pytest.mark.moves_prefix(reason="the user replaced the prompt")


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        pytest.param(prompt("Another"), CLAUDE_CODE, marks=ANOTHER_PROMPT),
        (prompt(stream=False), CLAUDE_CODE),
        (prompt(), {**CLAUDE_CODE, "x-claude-code-session-id": "session-2"}),
        (prompt(), {**CLAUDE_CODE, "x-claude-code-agent-id": "a1"}),
        (prompt(), {}),
    ],
    ids=["another prompt", "not streamed", "another session", "a sub-agent", "no session"],
)
async def test_a_different_request_does_not_reattach(
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


async def test_a_request_repeated_too_late_is_sent_again(tmp_path: Path, backend: RawBackend) -> None:
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


async def test_a_client_without_a_session_cannot_reattach(tmp_path: Path, backend: RawBackend) -> None:
    options = replace(QUICK, reattach_policy=LONG)
    async with (
        running_gateway(tmp_path, target_at(backend.base_url), options=options) as gateway,
        connected(gateway.base_url) as client,
    ):
        await client.send(request("POST", "/v1/messages", prompt()))
        received = await backend.next_request()
        client.reset()

        await received.wait_closed()


async def refused() -> Never:
    raise BackendUnreachable("refused")
