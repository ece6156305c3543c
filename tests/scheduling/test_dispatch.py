"""From a request to a reply that has begun: what is tried again, how long, and where else."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace
from tests.parts.gateway import target_at
from tests.parts.manual_clock import ManualClock

from anyclaude.backends import BackendReply, CircuitBreaker, FakeBackend, FakeReply
from anyclaude.dialects import WireRequest, dialect_named
from anyclaude.errors import (
    BackendError,
    BackendGarbled,
    BackendRejected,
    BackendTimeout,
    BackendTruncated,
    BackendUnavailable,
    BackendUnreachable,
    EngineFailed,
    PromptTooLong,
    QueueFull,
)
from anyclaude.protocol.deltas import TextDelta
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.scheduling.admission import Admission
from anyclaude.scheduling.dispatch import BackendRequest, Dispatcher, Progress, SkippedBackend, Upstream
from anyclaude.scheduling.queue import Requester
from anyclaude.timeouts import Timeouts

REFUSED = BackendUnreachable("refused")
HELLO = b'data: {"choices": [{"delta": {"content": "Hello"}}]}\n\n'
WHOLE = FakeReply(chunks=(HELLO, b"data: [DONE]\n\n"))
LOADING = FakeReply(chunks=(b'{"error": {"message": "Loading model"}}',), status=503, content_type="application/json")
ERRAND = BackendRequest(MessagesRequest(model="x", max_tokens=1, messages=(Turn("user", "Hello"),)), "conversation")


@dataclass
class Stage:
    """A dispatcher over scripted backends, and everything a test wants to see of it."""

    backends: list[FakeBackend]
    timeouts: Timeouts = field(default_factory=lambda: Timeouts(retry_seconds=30.0))
    waiting_limit: int = 0

    def __post_init__(self) -> None:
        self.clock = ManualClock()
        self.progress = Progress()
        self.upstreams = [self._upstream(backend) for backend in self.backends]
        self.dispatcher = Dispatcher(self.upstreams, self.timeouts, self.clock.seconds, self.clock.sleep)

    async def opened_text(self) -> str:
        """Open a reply, close it, and return what it began with."""
        opened = await self.dispatcher.open(ERRAND, self.progress)
        await opened.aclose()
        return "".join(delta.text for delta in opened.first_deltas if isinstance(delta, TextDelta))

    @property
    def asked(self) -> list[int]:
        """How often each backend was asked."""
        return [len(backend.requests) for backend in self.backends]

    @property
    def is_idle(self) -> bool:
        """Whether nothing is held: no reply, no turn."""
        return not any(backend.open_replies for backend in self.backends) and not any(
            upstream.admission.running for upstream in self.upstreams
        )

    def _upstream(self, backend: FakeBackend) -> Upstream:
        breaker = CircuitBreaker(self.clock.seconds)
        return Upstream(backend, dialect_named("openai_chat"), breaker, Admission(1, self.waiting_limit))


def backend(*script: FakeReply | BackendError) -> FakeBackend:
    return FakeBackend(target_at("http://fake/v1"), *script)


async def test_a_reply_that_begins_is_handed_over_with_its_first_words() -> None:
    stage = Stage([backend(WHOLE)])

    opened = await stage.dispatcher.open(ERRAND, stage.progress)

    assert opened.first_deltas == [TextDelta("Hello")]
    assert stage.backends[0].open_replies == 1
    assert stage.progress.attempts == 1
    assert stage.progress.route == "llamacpp/local-model"
    await opened.aclose()
    assert stage.is_idle


@pytest.mark.parametrize(
    "failure",
    [
        REFUSED,
        LOADING,
        FakeReply(status=429),
        FakeReply(chunks=(BackendTruncated("broken"),)),
        FakeReply(chunks=(b": a comment\n\n", BackendTruncated("broken"))),
        FakeReply(chunks=()),
        FakeReply(chunks=(b'data: {"choices": [{"delta": {"role": "assistant"}}]}\n\n',)),
    ],
    ids=["refused", "loading", "too many", "broken", "broken after a comment", "empty", "only a role"],
)
async def test_what_passes_by_itself_is_tried_again(failure: FakeReply | BackendError) -> None:
    stage = Stage([backend(failure, failure, WHOLE)])

    assert await stage.opened_text() == "Hello"
    assert stage.progress.attempts == 3
    assert stage.clock.sleeps == [0.25, 0.5]
    assert stage.is_idle


async def test_an_observer_is_told_of_every_attempt_and_for_which_conversation() -> None:
    seen: list[tuple[str, WireRequest]] = []
    stage = Stage([backend(REFUSED, WHOLE)])
    dispatcher = Dispatcher(
        stage.upstreams,
        stage.timeouts,
        stage.clock.seconds,
        stage.clock.sleep,
        observer=lambda backend_request, request: seen.append((backend_request.conversation, request)),
    )

    opened = await dispatcher.open(ERRAND, stage.progress)
    await opened.aclose()

    assert seen == [("conversation", request) for request in stage.backends[0].requests]
    assert len(seen) == 2


@pytest.mark.parametrize(
    ("failure", "raised"),
    [
        (FakeReply(chunks=(b"{}",), status=400), BackendRejected),
        (FakeReply(chunks=(b"{}",), status=500), BackendRejected),
        (FakeReply(chunks=(b"data: nonsense\n\n",)), BackendGarbled),
        (FakeReply(chunks=(BackendTimeout("silent"),)), BackendTimeout),
        (BackendTimeout("silent"), BackendTimeout),
    ],
    ids=["400", "500", "garbled", "silent after its head", "silent"],
)
async def test_what_does_not_pass_by_itself_is_not(
    failure: FakeReply | BackendError, raised: type[BackendError]
) -> None:
    stage = Stage([backend(failure, WHOLE)])

    with pytest.raises(raised):
        await stage.opened_text()

    assert stage.asked == [1]
    assert stage.clock.sleeps == []
    assert stage.is_idle


async def test_trying_again_ends_with_the_budget_and_the_last_failure() -> None:
    stage = Stage([backend(*[REFUSED] * 3, LOADING, *[REFUSED] * 100)], Timeouts(retry_seconds=3.0))

    with pytest.raises(BackendRejected, match="Loading model"):
        await stage.opened_text()

    assert stage.clock.sleeps == [0.25, 0.5, 1.0]


async def test_pauses_grow_to_a_limit_and_never_past_it() -> None:
    stage = Stage([backend(*[LOADING] * 10, WHOLE)], Timeouts(retry_seconds=1000.0))

    await stage.opened_text()

    assert stage.clock.sleeps == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0, 5.0, 5.0]


async def test_a_server_that_says_when_is_asked_then() -> None:
    busy = FakeReply(status=429, retry_after_seconds=7.0)
    stage = Stage([backend(busy, WHOLE)])

    assert await stage.opened_text() == "Hello"
    assert stage.clock.sleeps == [7.0]


async def test_a_server_that_says_too_late_is_not_waited_for() -> None:
    stage = Stage([backend(FakeReply(status=429, retry_after_seconds=31.0), WHOLE)])

    with pytest.raises(BackendRejected) as refused:
        await stage.opened_text()

    assert refused.value.retry_after_seconds == 31.0
    assert stage.clock.sleeps == []


async def test_after_repeated_failures_nothing_is_sent_until_the_circuit_has_rested() -> None:
    stage = Stage([backend(*[REFUSED] * 5, WHOLE)], Timeouts(retry_seconds=0.0))
    for _ in range(5):
        with pytest.raises(BackendUnreachable):
            await stage.opened_text()

    with pytest.raises(BackendUnavailable, match="refused") as gated:
        await stage.opened_text()

    assert stage.asked == [5]
    assert gated.value.retry_after_seconds == 15.0
    stage.clock.time += 15.0
    assert await stage.opened_text() == "Hello"
    assert stage.upstreams[0].breaker.state == "closed"


async def test_a_refusal_says_nothing_about_a_servers_health() -> None:
    refusal = FakeReply(chunks=(b"{}",), status=400)
    stage = Stage([backend(*[refusal] * 10, WHOLE)])
    for _ in range(10):
        with pytest.raises(BackendRejected):
            await stage.opened_text()

    assert await stage.opened_text() == "Hello"


async def test_a_trial_that_is_cancelled_leaves_the_next_one_free() -> None:
    stage = Stage([backend(*[REFUSED] * 5, FakeReply(chunks=(asyncio.Event(),)), WHOLE)], Timeouts(retry_seconds=0.0))
    for _ in range(5):
        with pytest.raises(BackendUnreachable):
            await stage.opened_text()
    stage.clock.time += 15.0
    trial = asyncio.create_task(stage.opened_text())
    await asyncio.sleep(0)
    trial.cancel()
    await asyncio.gather(trial, return_exceptions=True)

    assert stage.is_idle
    assert await stage.opened_text() == "Hello"


@pytest.mark.parametrize(
    "failure",
    [REFUSED, LOADING, BackendTimeout("silent"), FakeReply(chunks=(BackendTimeout("silent"),))],
    ids=["refused", "loading", "silent", "silent after its head"],
)
async def test_a_backend_that_cannot_is_let_go_of_and_the_next_one_asked(failure: FakeReply | BackendError) -> None:
    stage = Stage([backend(*[failure] * 10), backend(WHOLE)])

    assert await stage.opened_text() == "Hello"
    assert stage.asked[1] == 1
    assert sum(stage.clock.sleeps) <= 1.0
    assert stage.progress.attempts == sum(stage.asked)
    assert stage.is_idle


async def test_a_connection_that_had_gone_stale_is_no_reason_to_fall_back() -> None:
    stage = Stage([backend(REFUSED, WHOLE), backend()])

    assert await stage.opened_text() == "Hello"
    assert stage.asked == [2, 0]


async def test_a_backend_is_let_go_of_before_the_next_one_is_asked() -> None:
    first = backend(*[FakeReply(chunks=(b": connected\n\n", BackendTruncated("broken")))] * 10)
    held: list[int] = []

    class Second(FakeBackend):
        @asynccontextmanager
        async def stream(self, request: WireRequest, within_seconds: float) -> AsyncGenerator[BackendReply, None]:
            held.append(first.open_replies)
            async with super().stream(request, within_seconds) as reply:
                yield reply

    await Stage([first, Second(target_at("http://fake/v1"), WHOLE)]).opened_text()

    assert held == [0]


async def test_a_refusal_is_not_taken_elsewhere() -> None:
    stage = Stage([backend(FakeReply(chunks=(b"{}",), status=400)), backend(WHOLE)])

    with pytest.raises(BackendRejected):
        await stage.opened_text()

    assert stage.asked == [1, 0]


async def test_the_last_backend_gets_the_whole_budget() -> None:
    stage = Stage([backend(*[REFUSED] * 10), backend(REFUSED, REFUSED, REFUSED, WHOLE)])

    assert await stage.opened_text() == "Hello"
    assert stage.asked[1] == 4


async def test_a_backend_whose_circuit_is_open_is_passed_over_at_once() -> None:
    stage = Stage([backend(*[REFUSED] * 10), backend(WHOLE, WHOLE, WHOLE)])
    await stage.opened_text()
    await stage.opened_text()
    asked = stage.asked[0]

    await stage.opened_text()

    assert stage.upstreams[0].breaker.state == "open"
    assert stage.asked == [asked, 3]


async def test_a_fallback_that_was_taken_is_told_with_the_reason() -> None:
    stage = Stage([backend(*[REFUSED] * 10), backend(WHOLE)])

    await stage.opened_text()

    assert stage.progress.skipped_backends == (SkippedBackend("llamacpp", "refused"),)


async def test_a_full_queue_is_a_refusal() -> None:
    stage = Stage([backend(WHOLE, WHOLE)])
    opened = await stage.dispatcher.open(ERRAND, stage.progress)

    with pytest.raises(QueueFull):
        await stage.opened_text()

    await opened.aclose()
    assert await stage.opened_text() == "Hello"


async def test_the_turn_is_held_until_the_reply_is_let_go_of() -> None:
    stage = Stage([backend(WHOLE)])
    opened = await stage.dispatcher.open(ERRAND, stage.progress)

    assert stage.upstreams[0].admission.running == 1
    await opened.aclose()
    await opened.aclose()
    assert stage.upstreams[0].admission.running == 0


async def test_a_request_that_is_taken_back_while_it_waits_to_try_again_lets_go_of_everything() -> None:
    stage = Stage([backend(LOADING, WHOLE)])
    asleep = asyncio.Event()

    async def sleep_for_ever(seconds: float) -> None:
        asleep.set()
        await asyncio.Event().wait()

    dispatcher = Dispatcher(stage.upstreams, stage.timeouts, stage.clock.seconds, sleep_for_ever)
    task = asyncio.create_task(dispatcher.open(ERRAND, stage.progress))
    await asleep.wait()
    task.cancel()
    await asyncio.wait({task})

    assert task.cancelled()
    assert stage.is_idle


async def test_an_attempt_that_has_become_vain_is_not_repeated_and_the_reason_is_told() -> None:
    stage = Stage([backend(REFUSED, WHOLE)])
    dead = EngineFailed("the engine ran out of memory")
    dispatcher = Dispatcher(stage.upstreams, stage.timeouts, stage.clock.seconds, stage.clock.sleep, lambda: dead)

    with pytest.raises(EngineFailed, match="out of memory"):
        await dispatcher.open(ERRAND, stage.progress)

    assert stage.asked == [1]


async def test_the_route_and_the_attempts_are_told_even_of_a_failure() -> None:
    stage = Stage([backend(REFUSED, FakeReply(status=400, chunks=(b"{}",)))])

    with pytest.raises(BackendRejected):
        await stage.opened_text()

    assert (stage.progress.route, stage.progress.attempts) == ("llamacpp/local-model", 2)


async def test_a_document_is_read_whole() -> None:
    document = {"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]}
    stage = Stage([backend(FakeReply(chunks=(json.dumps(document).encode(),), content_type="application/json"))])

    opened = await stage.dispatcher.open(ERRAND, stage.progress)

    assert opened.deltas.is_over
    assert TextDelta("Hello") in opened.first_deltas
    await opened.aclose()


async def test_a_second_attempt_goes_to_the_same_backend_and_is_counted() -> None:
    stage = Stage([backend(REFUSED, WHOLE), backend()])

    opened = await stage.dispatcher.reopen(stage.upstreams[0], ERRAND, stage.progress)

    assert stage.progress.continuations == 1
    assert stage.asked == [2, 0]
    await opened.aclose()
    assert stage.is_idle


async def test_the_time_spent_in_the_queue_is_not_taken_from_the_budget() -> None:
    stage = Stage([backend(WHOLE, REFUSED, WHOLE)], waiting_limit=1)
    first = await stage.dispatcher.open(ERRAND, stage.progress)
    second = asyncio.create_task(stage.opened_text())
    await asyncio.sleep(0)
    stage.clock.time += 3600.0
    await first.aclose()

    assert await second == "Hello"


LONG = replace(ERRAND, characters=9_000)


def small(*script: FakeReply | BackendError) -> FakeBackend:
    """Return a backend with a window of 8,192 tokens that can count."""
    return FakeBackend(replace(target_at("http://fake/v1"), context_tokens=8_192), *script)


def count_of(tokens: int) -> FakeReply:
    return FakeReply(chunks=(b'{"input_tokens": %d}' % tokens,), content_type="application/json")


async def test_a_prompt_that_may_not_fit_is_counted_before_it_waits_and_refused_if_it_does_not() -> None:
    stage = Stage([small(count_of(8_193))])
    async with stage.upstreams[0].admission.turn(Requester("another conversation")):  # and no place to wait
        with pytest.raises(PromptTooLong, match=r"^prompt is too long: 8193 tokens > 8192 maximum"):
            await stage.dispatcher.open(LONG, stage.progress)

    assert [request.path for request in stage.backends[0].requests] == ["/chat/completions/input_tokens"]
    assert stage.upstreams[0].breaker.failures == 0


@pytest.mark.parametrize("counted", [count_of(8_192), FakeReply(status=404), REFUSED])
async def test_a_prompt_that_fits_or_cannot_be_counted_is_sent(counted: FakeReply | BackendError) -> None:
    stage = Stage([small(counted, WHOLE)])

    opened = await stage.dispatcher.open(LONG, stage.progress)
    await opened.aclose()

    assert opened.first_deltas == [TextDelta("Hello")]


async def test_a_prompt_that_is_known_to_fit_is_not_counted() -> None:
    stage = Stage([small(WHOLE)])

    await (await stage.dispatcher.open(replace(ERRAND, characters=8_192), stage.progress)).aclose()

    assert stage.asked == [1]


async def test_a_server_that_routes_by_conversation_learns_the_conversation_but_not_its_name() -> None:
    keys = []
    for conversation in ("session-1//", "session-1//", "session-2//"):
        backend = FakeBackend(target_at("http://fake/v1", "openrouter"), WHOLE)
        upstream = Upstream(backend, dialect_named("openai_chat"), CircuitBreaker(lambda: 0.0), Admission(1, 0))
        dispatcher = Dispatcher([upstream], Timeouts(), lambda: 0.0)
        async with aclosing(await dispatcher.open(replace(ERRAND, conversation=conversation), Progress())):
            keys.append(json.loads(backend.requests[0].body)["session_id"])

    assert keys[0] == keys[1] != keys[2]
    assert not any("session" in key for key in keys)
