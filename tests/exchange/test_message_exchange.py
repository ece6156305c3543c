"""One message request from its bytes to its events: decoded, prepared and encoded once."""

import asyncio
import json
from contextlib import aclosing
from dataclasses import dataclass, field, replace

import pytest
from tests.parts.exchange_events import Recorder
from tests.parts.fake_backend import FakeBackend, FakeReply
from tests.parts.gateway import target_at
from tests.parts.upstreams import upstream_of

from anyclaude.errors import BackendTimeout, InvalidRequest, ThreadsUnsupported
from anyclaude.exchange import (
    REAL_TIME,
    ConversationMemory,
    EndedTurn,
    ExchangeEnded,
    ExchangeLog,
    MessageExchange,
    MessageExchanges,
    PendingReplies,
    PromptPipeline,
    ReattachPolicy,
    caller_of,
)
from anyclaude.protocol.caching_decoder import CachingDecoder
from anyclaude.protocol.events import Diagnostics, MessageStart, StreamFailed
from anyclaude.scheduling import Dispatcher, PreparedRequest
from anyclaude.timeouts import Timeouts
from anyclaude.transforms import PromptContext

BODY = json.dumps({"model": "m", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "Hi"}]})
SESSION = {"x-claude-code-session-id": "session-1"}
WHOLE = FakeReply(chunks=(b'data: {"choices": [{"delta": {"content": "Hello"}}]}\n\n', b"data: [DONE]\n\n"))


@dataclass
class Setup:
    """Message exchanges over one fake backend, and the events that end them."""

    backend: FakeBackend
    diagnosed: list[PreparedRequest] = field(default_factory=list)
    recorder: Recorder = field(default_factory=Recorder)

    def __post_init__(self) -> None:
        self.upstream = upstream_of(self.backend)
        self.exchanges = MessageExchanges(
            dispatcher=Dispatcher([self.upstream], Timeouts(), REAL_TIME.seconds),
            pipeline=PromptPipeline(ConversationMemory(), PromptContext()),
            pending_replies=PendingReplies(REAL_TIME.seconds, ReattachPolicy()),
            decoder=CachingDecoder(),
            diagnose=self._diagnose,
            new_id=lambda prefix: f"{prefix}_1",
        )

    def begin(self, body: str = BODY) -> tuple[MessageExchange | EndedTurn, ExchangeLog]:
        log = ExchangeLog("req_1", "/v1/messages", caller_of(SESSION), REAL_TIME, self.recorder)
        return self.exchanges.begin(body.encode(), log), log

    async def events(self, exchange: MessageExchange | EndedTurn) -> list[object]:
        async with aclosing(exchange.batches()) as batches:
            return [event async for batch in batches for event in batch]

    def end(self, exchange: MessageExchange | EndedTurn, log: ExchangeLog) -> ExchangeEnded:
        exchange.close()
        log.ended("completed")
        return self.recorder.ends[-1]

    def _diagnose(self, message_id: str, prepared: PreparedRequest) -> Diagnostics | None:
        self.diagnosed.append(prepared)
        return None


async def test_the_same_encoded_request_is_diagnosed_sent_and_logged() -> None:
    setup = Setup(FakeBackend(target_at("http://fake/v1"), WHOLE))
    exchange, log = setup.begin(json.dumps({**json.loads(BODY), "diagnostics": {"previous_message_id": None}}))
    events = await setup.events(exchange)
    end = setup.end(exchange, log)

    (diagnosed,) = setup.diagnosed
    assert isinstance(events[0], MessageStart)
    assert setup.backend.requests[0] is diagnosed.wire
    assert end.sent is diagnosed
    assert (end.record.message_id, end.record.outcome, end.reply_began) == ("msg_1", "completed", True)


async def test_only_requests_that_ask_for_diagnostics_are_diagnosed() -> None:
    setup = Setup(FakeBackend(target_at("http://fake/v1"), WHOLE))
    exchange, _ = setup.begin()
    await setup.events(exchange)
    exchange.close()

    assert setup.diagnosed == []


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"thread": "thread_1"}, ThreadsUnsupported),
        ({"max_tokens": 0}, InvalidRequest),
        ({"messages": []}, InvalidRequest),
    ],
)
async def test_an_invalid_request_is_not_sent(more: dict[str, object], error: type[Exception]) -> None:
    setup = Setup(FakeBackend(target_at("http://fake/v1")))

    with pytest.raises(error):
        setup.begin(json.dumps({**json.loads(BODY), **more}))

    assert setup.backend.requests == []


async def test_a_repeated_request_reattaches_to_the_pending_reply() -> None:
    released = asyncio.Event()
    setup = Setup(FakeBackend(target_at("http://fake/v1"), FakeReply(chunks=(released, *WHOLE.chunks))))
    first, log = setup.begin()
    await first.wait_begun(0.0)
    setup.end(first, log)
    released.set()
    second, log = setup.begin()
    await setup.events(second)
    end = setup.end(second, log)

    assert len(setup.backend.requests) == 1
    assert (end.record.was_reattached, end.record.attempts) == (True, 1)


async def test_a_failed_reply_ends_with_one_failure_event() -> None:
    setup = Setup(FakeBackend(target_at("http://fake/v1"), BackendTimeout("silent")))
    exchange, _ = setup.begin()
    with pytest.raises(BackendTimeout) as failure:
        await setup.events(exchange)
    ending = exchange.fail(failure.value)
    exchange.close()

    assert [type(event) for event in ending] == [StreamFailed]
    assert exchange.fail(failure.value) == []


async def test_a_request_whose_diagnosis_fails_is_not_sent() -> None:
    setup = Setup(FakeBackend(target_at("http://fake/v1")))

    def fail(message_id: str, prepared: PreparedRequest) -> None:
        raise RuntimeError("a defect")

    setup.exchanges = replace(setup.exchanges, diagnose=fail)
    with pytest.raises(RuntimeError):
        setup.begin(json.dumps({**json.loads(BODY), "diagnostics": {"previous_message_id": None}}))

    assert setup.upstream.admission.running == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}
