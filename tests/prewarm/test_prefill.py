"""A prompt that is read in advance: what is asked, what is counted, and whom its failure does not concern."""

import asyncio
import json

import pytest
from tests.parts.gateway import target_at
from tests.parts.manual_clock import ManualClock

from anyclaude.backends import CircuitBreaker, FakeBackend, FakeReply
from anyclaude.dialects import dialect_named
from anyclaude.errors import BackendError, BackendRejected, BackendUnreachable
from anyclaude.prewarm.prefill import evaluate
from anyclaude.protocol.deltas import UsageReported
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.scheduling.admission import Admission
from anyclaude.scheduling.dispatch import Progress, Upstream

REQUEST = MessagesRequest(model="x", max_tokens=500, messages=(Turn("user", "Hello"),))
WORD = b'data: {"choices": [{"delta": {"content": "H"}, "finish_reason": "length"}]}\n\n'
COUNTS = (
    b'data: {"choices": [], "usage": {"prompt_tokens": 30, "completion_tokens": 1},'
    b' "timings": {"cache_n": 10, "prompt_n": 20}}\n\n'
)
WHOLE = FakeReply(chunks=(WORD, COUNTS, b"data: [DONE]\n\n"))
BROKEN = FakeReply(chunks=(b'{"error": {"message": "no such model"}}',), status=404, content_type="application/json")


def upstream(backend: FakeBackend) -> Upstream:
    return Upstream(backend, dialect_named("openai_chat"), CircuitBreaker(ManualClock().seconds), Admission(1, 0))


def backend(*script: FakeReply | BackendError) -> FakeBackend:
    return FakeBackend(target_at("http://fake/v1"), *script)


async def test_one_token_is_asked_for_and_what_the_engine_counted_is_returned() -> None:
    fake, progress = backend(WHOLE), Progress()

    assert await evaluate(upstream(fake), REQUEST, 1.0, progress) == UsageReported(30, 1, 10)
    assert json.loads(fake.requests[0].body)["max_tokens"] == 1
    assert (progress.route, progress.attempts) == ("llamacpp/local-model", 1)
    assert fake.open_replies == 0


@pytest.mark.parametrize(
    ("scripted", "error"), [(BackendUnreachable("gone"), BackendUnreachable), (BROKEN, BackendRejected)]
)
async def test_a_failure_is_told_and_not_counted_by_the_circuit(
    scripted: FakeReply | BackendError, error: type[BackendError]
) -> None:
    asked = upstream(backend(scripted))
    with pytest.raises(error):
        await evaluate(asked, REQUEST, 1.0, Progress())

    assert asked.breaker.failures == 0


async def test_giving_up_lets_go_of_the_backend() -> None:
    fake = backend(FakeReply(chunks=(asyncio.Event(),)))
    task = asyncio.create_task(evaluate(upstream(fake), REQUEST, 1.0, Progress()))
    await asyncio.sleep(0)
    was_open = fake.open_replies
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert was_open == 1
    assert fake.open_replies == 0
