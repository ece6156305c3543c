"""Evaluating a prompt in advance: the request, the counts, and failures."""

import asyncio
import json

import pytest
from tests.parts.fake_backend import FakeBackend, FakeReply
from tests.parts.gateway import target_at
from tests.parts.upstreams import prepared_for

from anyclaude.errors import BackendError, BackendRejected, BackendUnreachable
from anyclaude.protocol.deltas import UsageReported
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.scheduling import BackendRequest, Progress, evaluate

REQUEST = BackendRequest(MessagesRequest(model="x", max_tokens=0, messages=(Turn("user", "Hello"),)), "")
WORD = b'data: {"choices": [{"delta": {"content": "H"}, "finish_reason": "length"}]}\n\n'
COUNTS = (
    b'data: {"choices": [], "usage": {"prompt_tokens": 30, "completion_tokens": 1},'
    b' "timings": {"cache_n": 10, "prompt_n": 20}}\n\n'
)
COMPLETE = FakeReply(chunks=(WORD, COUNTS, b"data: [DONE]\n\n"))
REFUSAL = FakeReply(chunks=(b'{"error": {"message": "no such model"}}',), status=404, content_type="application/json")


def backend(*script: FakeReply | BackendError) -> FakeBackend:
    return FakeBackend(target_at("http://fake/v1"), *script)


async def test_one_token_is_requested_and_the_engines_counts_are_returned() -> None:
    fake, progress = backend(COMPLETE), Progress()

    assert await evaluate(prepared_for(fake, REQUEST), 1.0, progress) == UsageReported(30, 1, 10)
    assert json.loads(fake.requests[0].body)["max_tokens"] == 1
    assert progress.sent is not None
    assert (progress.sent.route, progress.attempts) == ("llamacpp/local-model", 1)
    assert fake.open_replies == 0


@pytest.mark.parametrize(
    ("scripted", "error"), [(BackendUnreachable("gone"), BackendUnreachable), (REFUSAL, BackendRejected)]
)
async def test_a_failure_is_raised_and_not_counted_by_the_circuit_breaker(
    scripted: FakeReply | BackendError, error: type[BackendError]
) -> None:
    prepared = prepared_for(backend(scripted), REQUEST)
    with pytest.raises(error):
        await evaluate(prepared, 1.0, Progress())

    assert prepared.upstream.breaker.failures == 0


async def test_cancelling_releases_the_backend() -> None:
    fake = backend(FakeReply(chunks=(asyncio.Event(),)))
    task = asyncio.create_task(evaluate(prepared_for(fake, REQUEST), 1.0, Progress()))
    await asyncio.sleep(0)
    was_open = fake.open_replies
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert was_open == 1
    assert fake.open_replies == 0
