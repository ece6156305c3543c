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

from anyclaude.errors import BackendTimeout, InvalidRequest, MemoryExhausted, ThreadsUnsupported
from anyclaude.exchange import (
    REAL_TIME,
    ConversationMemory,
    ExchangeEnded,
    ExchangeLog,
    MessageExchange,
    MessageExchanges,
    OwnReply,
    PendingReplies,
    PromptPipeline,
    ReattachPolicy,
    TokenCalibration,
    caller_of,
)
from anyclaude.memory_budget import MIN_CHECKED_BYTES, MemoryBudget, Reservation
from anyclaude.protocol.caching_decoder import CachingDecoder
from anyclaude.protocol.detached_data import RequestBody
from anyclaude.protocol.events import (
    BlockDelta,
    BlockStart,
    BlockStop,
    Diagnostics,
    MessageDelta,
    MessageStart,
    MessageStop,
    StreamFailed,
)
from anyclaude.scheduling import Dispatcher, PreparedRequest
from anyclaude.timeouts import Timeouts
from anyclaude.transforms import PromptContext, RepeatedCalls
from anyclaude.web.access import WebAccess
from anyclaude.web.search import Hit, Query

BODY = json.dumps({"model": "m", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "Hi"}]})
SESSION = {"x-claude-code-session-id": "session-1"}
WHOLE = FakeReply(chunks=(b'data: {"choices": [{"delta": {"content": "Hello"}}]}\n\n', b"data: [DONE]\n\n"))


@dataclass
class Setup:
    """Message exchanges over one fake backend, and the events that end them."""

    backend: FakeBackend
    policy: PromptContext = field(default_factory=PromptContext)
    diagnosed: list[PreparedRequest] = field(default_factory=list)
    recorder: Recorder = field(default_factory=Recorder)

    def __post_init__(self) -> None:
        self.upstream = upstream_of(self.backend)
        self.exchanges = MessageExchanges(
            dispatcher=Dispatcher([self.upstream], Timeouts(), REAL_TIME.seconds),
            pipeline=PromptPipeline(ConversationMemory(), self.policy),
            pending_replies=PendingReplies(REAL_TIME.seconds, ReattachPolicy()),
            decoder=CachingDecoder(),
            diagnose=self._diagnose,
            calibration=TokenCalibration(),
            new_id=lambda prefix: f"{prefix}_1",
        )

    async def begin(
        self, body: str = BODY, held: Reservation | None = None
    ) -> tuple[MessageExchange | OwnReply, ExchangeLog]:
        log = ExchangeLog("req_1", "/v1/messages", caller_of(SESSION), REAL_TIME, self.recorder)
        return await self.exchanges.begin(RequestBody((body.encode(),)), log, held or MemoryBudget().reserve()), log

    async def events(self, exchange: MessageExchange | OwnReply) -> list[object]:
        async with aclosing(exchange.batches()) as batches:
            return [event async for batch in batches for event in batch]

    def end(self, exchange: MessageExchange | OwnReply, log: ExchangeLog) -> ExchangeEnded:
        exchange.close()
        log.ended("completed")
        return self.recorder.ends[-1]

    def _diagnose(self, message_id: str, prepared: PreparedRequest) -> Diagnostics | None:
        self.diagnosed.append(prepared)
        return None


async def test_the_same_encoded_request_is_diagnosed_sent_and_logged() -> None:
    setup = Setup(FakeBackend(target_at("http://fake/v1"), WHOLE))
    exchange, log = await setup.begin(json.dumps({**json.loads(BODY), "diagnostics": {"previous_message_id": None}}))
    events = await setup.events(exchange)
    end = setup.end(exchange, log)

    (diagnosed,) = setup.diagnosed
    assert isinstance(events[0], MessageStart)
    assert setup.backend.requests[0] is diagnosed.wire
    assert end.sent is diagnosed
    assert (end.record.message_id, end.record.outcome, end.reply_began) == ("msg_1", "completed", True)


async def test_only_requests_that_ask_for_diagnostics_are_diagnosed() -> None:
    setup = Setup(FakeBackend(target_at("http://fake/v1"), WHOLE))
    exchange, _ = await setup.begin()
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
        await setup.begin(json.dumps({**json.loads(BODY), **more}))

    assert setup.backend.requests == []


async def test_a_repeated_request_reattaches_to_the_pending_reply() -> None:
    released = asyncio.Event()
    setup = Setup(FakeBackend(target_at("http://fake/v1"), FakeReply(chunks=(released, *WHOLE.chunks))))
    first, log = await setup.begin()
    await first.wait_begun(0.0)
    setup.end(first, log)
    released.set()
    second, log = await setup.begin()
    await setup.events(second)
    end = setup.end(second, log)

    assert len(setup.backend.requests) == 1
    assert (end.record.was_reattached, end.record.attempts) == (True, 1)


async def test_a_failed_reply_ends_with_one_failure_event() -> None:
    setup = Setup(FakeBackend(target_at("http://fake/v1"), BackendTimeout("silent")))
    exchange, _ = await setup.begin()
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
        await setup.begin(json.dumps({**json.loads(BODY), "diagnostics": {"previous_message_id": None}}))

    assert setup.upstream.admission.running == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}


def stuck_body(rounds: int, **fields: object) -> str:
    """Return the body of a request whose conversation repeats one call."""
    messages: list[object] = [{"role": "user", "content": "Hi"}]
    for number in range(rounds):
        call = {"type": "tool_use", "id": f"toolu_{number}", "name": "Read", "input": {"file_path": "/x"}}
        result = {"type": "tool_result", "tool_use_id": f"toolu_{number}", "content": "gone"}
        messages += [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    return json.dumps({**json.loads(BODY), "messages": messages, **fields})


async def test_the_gateway_ends_a_turn_that_repeats_itself_and_sends_nothing() -> None:
    setup = Setup(FakeBackend(target_at("http://fake/v1")), PromptContext(repeated_calls=5))
    exchange, log = await setup.begin(stuck_body(5, diagnostics={"previous_message_id": None}))
    await exchange.wait_begun(10.0)
    events = await setup.events(exchange)
    end = setup.end(exchange, log)

    assert [type(event) for event in events] == [
        MessageStart,
        BlockStart,
        BlockDelta,
        BlockStop,
        MessageDelta,
        MessageStop,
    ]
    assert (setup.backend.requests, setup.diagnosed) == ([], [])
    assert end.record.repeated_calls == RepeatedCalls(("Read",), 5, "ended")
    assert (end.record.message_id, end.record.stop_reason, end.reply_began, end.sent) == (
        "msg_1",
        "end_turn",
        False,
        None,
    )


@pytest.mark.parametrize(("limit", "measure"), [(6, "resampled"), (7, "told"), (8, None), (0, None)])
async def test_what_is_done_before_that_is_recorded(limit: int, measure: str | None) -> None:
    setup = Setup(FakeBackend(target_at("http://fake/v1"), WHOLE), PromptContext(repeated_calls=limit))
    exchange, log = await setup.begin(stuck_body(5))
    await setup.events(exchange)
    record = setup.end(exchange, log).record

    assert len(setup.backend.requests) == 1
    assert (record.repeated_calls.measure if record.repeated_calls else None) == measure


async def test_a_turn_that_the_gateway_ends_may_fail_on_the_way_to_the_client() -> None:
    setup = Setup(FakeBackend(target_at("http://fake/v1")), PromptContext(repeated_calls=5))
    exchange, log = await setup.begin(stuck_body(5))

    assert [type(event) for event in exchange.fail(BackendTimeout("gone"))] == [StreamFailed]
    setup.end(exchange, log)


async def test_a_reply_without_room_for_it_fails_and_gives_back_what_it_has() -> None:
    """The largest reservation has room in any case, so another one is the largest here."""
    text = json.dumps({"choices": [{"delta": {"content": "x" * MIN_CHECKED_BYTES}}]}).encode()
    setup = Setup(FakeBackend(target_at("http://fake/v1"), FakeReply(chunks=(b"data: " + text + b"\n\n",) * 3)))
    budget = MemoryBudget(limit_bytes=2 * MIN_CHECKED_BYTES)
    setup.exchanges = replace(setup.exchanges, budget=budget)
    with budget.reserve(10 * MIN_CHECKED_BYTES) as other:
        with budget.reserve() as held:
            exchange, log = await setup.begin(held=held)
            with pytest.raises(MemoryExhausted):
                await setup.events(exchange)
            assert budget.reserved_bytes > other.bytes
            setup.end(exchange, log)

        assert budget.reserved_bytes == other.bytes


@dataclass
class Finder:
    """Finds one page."""

    text: str = "At 14:20."
    name: str = "Finder"

    async def search(self, query: Query) -> tuple[Hit, ...]:
        return (Hit("https://tides.example/", "Tides", self.text),)

    async def close(self) -> None:
        pass


def searching(finder: Finder, *replies: FakeReply) -> Setup:
    """Return exchanges that search."""
    policy = PromptContext(server_tools=frozenset({"web_search"}))
    setup = Setup(FakeBackend(target_at("http://fake/v1"), *replies), policy)
    setup.exchanges = replace(setup.exchanges, web=WebAccess(finder))
    return setup


def body_with_search(question: str) -> str:
    """Return a request whose model may search."""
    messages = [{"role": "user", "content": question}]
    tools = [{"type": "web_search_20250305", "name": "web_search"}]
    return json.dumps({**json.loads(BODY), "messages": messages, "tools": tools})


async def test_a_client_that_leaves_with_the_first_events_of_a_search_releases_the_server() -> None:
    setup = searching(Finder(), WHOLE)
    exchange, log = await setup.begin(body_with_search("Perform a web search for the query: tides"))
    await exchange.wait_begun(10)
    async with aclosing(exchange.batches()) as batches:
        begun = await anext(batches)
    setup.end(exchange, log)

    assert isinstance(begun[0], MessageStart)
    assert len(begun) > 1
    assert setup.backend.open_replies == 0
    assert setup.upstream.admission.running == 0


async def test_what_a_search_has_found_is_reserved() -> None:
    call = {"index": 0, "id": "1", "function": {"name": "web_search", "arguments": '{"query": "tides"}'}}
    asks = json.dumps({"choices": [{"delta": {"tool_calls": [call]}, "finish_reason": "tool_calls"}]}).encode()
    reserved: list[int] = []
    for text in ("", "x" * 100_000):
        setup = searching(Finder(text), FakeReply(chunks=(b"data: " + asks + b"\n\n", b"data: [DONE]\n\n")), WHOLE)
        with MemoryBudget().reserve() as held:
            exchange, log = await setup.begin(body_with_search("When is high water?"), held)
            await setup.events(exchange)
            reserved.append(held.bytes)
            setup.end(exchange, log)

    assert reserved[1] - reserved[0] >= 3 * 100_000
