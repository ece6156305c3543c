"""From a prepared request to a reply that has begun: retries, their budget, and fallbacks."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from dataclasses import replace as replaced

import pytest
from msgspec.structs import replace
from tests.parts.fake_backend import FakeBackend, FakeReply
from tests.parts.gateway import target_at
from tests.parts.manual_clock import ManualClock

from anyclaude.backends import Backend, BackendReply, CircuitBreaker
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
from anyclaude.scheduling import (
    Admission,
    BackendRequest,
    Dispatcher,
    FollowedServer,
    OpenReply,
    PreparedRequest,
    Progress,
    Requester,
    SkippedBackend,
    Upstream,
)
from anyclaude.scheduling.window import CountedReply
from anyclaude.timeouts import Timeouts

TARGET = target_at("http://fake/v1")
REFUSED = BackendUnreachable("refused")
HELLO = b'data: {"choices": [{"delta": {"content": "Hello"}}]}\n\n'
WHOLE = FakeReply(chunks=(HELLO, b"data: [DONE]\n\n"))
LOADING = FakeReply(chunks=(b'{"error": {"message": "Loading model"}}',), status=503, content_type="application/json")
HELLO_REQUEST = BackendRequest(
    MessagesRequest(model="x", max_tokens=1, messages=(Turn("user", "Hello"),)), "conversation"
)


@dataclass
class Setup:
    """A dispatcher over scripted backends, and its effects."""

    backends: list[FakeBackend]
    timeouts: Timeouts = field(default_factory=lambda: Timeouts(retry_seconds=30.0))
    waiting_limit: int = 0

    def __post_init__(self) -> None:
        self.clock = ManualClock()
        self.progress = Progress()
        self.upstreams = [self._upstream(backend) for backend in self.backends]
        self.dispatcher = Dispatcher(self.upstreams, self.timeouts, self.clock.seconds, self.clock.sleep)

    @property
    def prepared(self) -> PreparedRequest:
        """The request as the first upstream gets it."""
        return self.dispatcher.prepare(HELLO_REQUEST)

    async def open(self, request: BackendRequest = HELLO_REQUEST) -> OpenReply:
        """Open the reply to a request."""
        return await self.dispatcher.open(self.dispatcher.prepare(request), self.progress)

    async def opened_text(self) -> str:
        """Open a reply, close it, and return the text of its first deltas."""
        opened = await self.open()
        await opened.aclose()
        return "".join(delta.text for delta in opened.first_deltas if isinstance(delta, TextDelta))

    @property
    def request_counts(self) -> list[int]:
        """The number of requests to each backend."""
        return [len(backend.requests) for backend in self.backends]

    @property
    def is_idle(self) -> bool:
        """Whether no reply is open and no turn is taken."""
        return not any(backend.open_replies for backend in self.backends) and not any(
            upstream.admission.running for upstream in self.upstreams
        )

    def _upstream(self, backend: FakeBackend) -> Upstream:
        breaker = CircuitBreaker(self.clock.seconds)
        return Upstream(
            FollowedServer(backend), dialect_named("openai_chat"), breaker, Admission(1, self.waiting_limit)
        )


def backend(*script: FakeReply | BackendError) -> FakeBackend:
    return FakeBackend(TARGET, *script)


async def test_a_reply_is_returned_with_its_first_deltas() -> None:
    setup = Setup([backend(WHOLE)])

    opened = await setup.open()

    assert opened.first_deltas == [TextDelta("Hello")]
    assert setup.backends[0].open_replies == 1
    assert setup.progress.attempts == 1
    assert setup.progress.sent is opened.request
    assert opened.request.route == "llamacpp/local-model"
    await opened.aclose()
    assert setup.is_idle


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
async def test_transient_failures_are_retried(failure: FakeReply | BackendError) -> None:
    setup = Setup([backend(failure, failure, WHOLE)])

    assert await setup.opened_text() == "Hello"
    assert setup.progress.attempts == 3
    assert setup.clock.sleeps == [0.25, 0.5]
    assert setup.is_idle


async def test_the_stages_of_every_attempt_are_reported_with_the_request() -> None:
    seen: list[tuple[str, WireRequest]] = []
    setup = Setup([backend(REFUSED, WHOLE)])
    setup.progress.watcher = lambda name, request: seen.append((name, request.wire))

    await (await setup.open()).aclose()

    (first, second) = setup.backends[0].requests
    assert seen == [
        ("queued", first),
        ("evaluating", first),
        ("failing", first),
        ("evaluating", second),
        ("replying", second),
    ]


async def test_retries_send_the_same_encoded_request() -> None:
    setup = Setup([backend(REFUSED, REFUSED, WHOLE)])
    prepared = setup.prepared

    await (await setup.dispatcher.open(prepared, setup.progress)).aclose()

    assert all(request is prepared.wire for request in setup.backends[0].requests)


@pytest.mark.parametrize(
    ("failure", "raised"),
    [
        (FakeReply(chunks=(b"{}",), status=400), BackendRejected),
        (FakeReply(chunks=(b"{}",), status=500), BackendRejected),
        (FakeReply(chunks=(b"data: {nonsense\n\n",)), BackendGarbled),
        (FakeReply(chunks=(BackendTimeout("silent"),)), BackendTimeout),
        (BackendTimeout("silent"), BackendTimeout),
    ],
    ids=["400", "500", "garbled", "silent after its head", "silent"],
)
async def test_permanent_failures_are_not_retried(
    failure: FakeReply | BackendError, raised: type[BackendError]
) -> None:
    setup = Setup([backend(failure, WHOLE)])

    with pytest.raises(raised):
        await setup.opened_text()

    assert setup.request_counts == [1]
    assert setup.clock.sleeps == []
    assert setup.is_idle


async def test_retries_end_with_the_budget_and_raise_the_last_failure() -> None:
    setup = Setup([backend(*[REFUSED] * 3, LOADING, *[REFUSED] * 100)], Timeouts(retry_seconds=3.0))

    with pytest.raises(BackendRejected, match="Loading model"):
        await setup.opened_text()

    assert setup.clock.sleeps == [0.25, 0.5, 1.0]


async def test_pauses_double_up_to_a_limit() -> None:
    setup = Setup([backend(*[LOADING] * 10, WHOLE)], Timeouts(retry_seconds=1000.0))

    await setup.opened_text()

    assert setup.clock.sleeps == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0, 5.0, 5.0]


async def test_a_retry_after_of_the_server_is_respected() -> None:
    busy = FakeReply(status=429, retry_after_seconds=7.0)
    setup = Setup([backend(busy, WHOLE)])

    assert await setup.opened_text() == "Hello"
    assert setup.clock.sleeps == [7.0]


async def test_a_retry_after_beyond_the_budget_is_not_waited_for() -> None:
    setup = Setup([backend(FakeReply(status=429, retry_after_seconds=31.0), WHOLE)])

    with pytest.raises(BackendRejected) as refused:
        await setup.opened_text()

    assert refused.value.retry_after_seconds == 31.0
    assert setup.clock.sleeps == []


async def test_after_repeated_failures_nothing_is_sent_until_the_circuit_half_opens() -> None:
    setup = Setup([backend(*[REFUSED] * 5, WHOLE)], Timeouts(retry_seconds=0.0))
    for _ in range(5):
        with pytest.raises(BackendUnreachable):
            await setup.opened_text()

    with pytest.raises(BackendUnavailable, match="refused") as gated:
        await setup.opened_text()

    assert setup.request_counts == [5]
    assert gated.value.retry_after_seconds == 15.0
    setup.clock.time += 15.0
    assert await setup.opened_text() == "Hello"
    assert setup.upstreams[0].breaker.state == "closed"


async def test_a_refusal_does_not_open_the_circuit() -> None:
    refusal = FakeReply(chunks=(b"{}",), status=400)
    setup = Setup([backend(*[refusal] * 10, WHOLE)])
    for _ in range(10):
        with pytest.raises(BackendRejected):
            await setup.opened_text()

    assert await setup.opened_text() == "Hello"


async def test_a_cancelled_trial_leaves_the_circuit_half_open() -> None:
    setup = Setup([backend(*[REFUSED] * 5, FakeReply(chunks=(asyncio.Event(),)), WHOLE)], Timeouts(retry_seconds=0.0))
    for _ in range(5):
        with pytest.raises(BackendUnreachable):
            await setup.opened_text()
    setup.clock.time += 15.0
    trial = asyncio.create_task(setup.opened_text())
    await asyncio.sleep(0)
    trial.cancel()
    await asyncio.gather(trial, return_exceptions=True)

    assert setup.is_idle
    assert await setup.opened_text() == "Hello"


@pytest.mark.parametrize(
    "failure",
    [REFUSED, LOADING, BackendTimeout("silent"), FakeReply(chunks=(BackendTimeout("silent"),))],
    ids=["refused", "loading", "silent", "silent after its head"],
)
async def test_the_next_upstream_is_tried_after_a_failure(failure: FakeReply | BackendError) -> None:
    setup = Setup([backend(*[failure] * 10), backend(WHOLE)])

    assert await setup.opened_text() == "Hello"
    assert setup.request_counts[1] == 1
    assert sum(setup.clock.sleeps) <= 1.0
    assert setup.progress.attempts == sum(setup.request_counts)
    assert setup.is_idle


async def test_a_stale_connection_does_not_cause_a_fallback() -> None:
    setup = Setup([backend(REFUSED, WHOLE), backend()])

    assert await setup.opened_text() == "Hello"
    assert setup.request_counts == [2, 0]


async def test_a_backend_is_released_before_the_next_one_is_tried() -> None:
    first = backend(*[FakeReply(chunks=(b": connected\n\n", BackendTruncated("broken")))] * 10)
    held: list[int] = []

    class Second(FakeBackend):
        @asynccontextmanager
        async def stream(self, request: WireRequest, within_seconds: float) -> AsyncGenerator[BackendReply, None]:
            held.append(first.open_replies)
            async with super().stream(request, within_seconds) as reply:
                yield reply

    await Setup([first, Second(target_at("http://fake/v1"), WHOLE)]).opened_text()

    assert held == [0]


async def test_a_refused_request_is_not_sent_to_a_fallback() -> None:
    setup = Setup([backend(FakeReply(chunks=(b"{}",), status=400)), backend(WHOLE)])

    with pytest.raises(BackendRejected):
        await setup.opened_text()

    assert setup.request_counts == [1, 0]


async def test_the_last_backend_gets_the_whole_budget() -> None:
    setup = Setup([backend(*[REFUSED] * 10), backend(REFUSED, REFUSED, REFUSED, WHOLE)])

    assert await setup.opened_text() == "Hello"
    assert setup.request_counts[1] == 4


async def test_an_upstream_with_an_open_circuit_is_skipped_without_a_request() -> None:
    setup = Setup([backend(*[REFUSED] * 10), backend(WHOLE, WHOLE, WHOLE)])
    await setup.opened_text()
    await setup.opened_text()
    count = setup.request_counts[0]

    await setup.opened_text()

    assert setup.upstreams[0].breaker.state == "open"
    assert setup.request_counts == [count, 3]


async def test_a_skipped_backend_is_reported_with_its_error() -> None:
    setup = Setup([backend(*[REFUSED] * 10), backend(WHOLE)])

    await setup.opened_text()

    assert setup.progress.skipped_backends == (SkippedBackend("llamacpp", "refused"),)


async def test_a_server_that_is_awaited_is_passed_over_and_the_last_present_one_gets_the_whole_budget() -> None:
    before, after = (FakeBackend(replace(TARGET, awaited_because="it loads")) for _ in range(2))
    setup = Setup([before, backend(REFUSED, REFUSED, REFUSED, WHOLE), after])

    assert await setup.opened_text() == "Hello"
    assert setup.request_counts == [0, 4, 0]
    assert setup.progress.skipped_backends == (SkippedBackend("llamacpp", "it loads"),)


async def test_if_all_servers_are_awaited_the_first_says_why() -> None:
    setup = Setup([FakeBackend(replace(TARGET, awaited_because=why)) for why in ("it loads", "nothing answers")])

    with pytest.raises(BackendUnavailable, match="it loads") as refusal:
        await setup.opened_text()

    assert refusal.value.retry_after_seconds
    assert setup.request_counts == [0, 0]


async def test_a_full_queue_refuses_requests() -> None:
    setup = Setup([backend(WHOLE, WHOLE)])
    opened = await setup.open()

    with pytest.raises(QueueFull):
        await setup.opened_text()

    await opened.aclose()
    assert await setup.opened_text() == "Hello"


async def test_the_turn_is_held_until_the_reply_is_closed() -> None:
    setup = Setup([backend(WHOLE)])
    opened = await setup.open()

    assert setup.upstreams[0].admission.running == 1
    await opened.aclose()
    await opened.aclose()
    assert setup.upstreams[0].admission.running == 0


async def test_a_request_cancelled_between_retries_releases_everything() -> None:
    setup = Setup([backend(LOADING, WHOLE)])
    asleep = asyncio.Event()

    async def sleep_forever(seconds: float) -> None:
        asleep.set()
        await asyncio.Event().wait()

    dispatcher = Dispatcher(setup.upstreams, setup.timeouts, setup.clock.seconds, sleep_forever)
    task = asyncio.create_task(dispatcher.open(setup.prepared, setup.progress))
    await asleep.wait()
    task.cancel()
    await asyncio.wait({task})

    assert task.cancelled()
    assert setup.is_idle


async def test_a_fatal_error_ends_the_retries() -> None:
    setup = Setup([backend(REFUSED, WHOLE)])
    dead = EngineFailed("the engine ran out of memory")
    dispatcher = Dispatcher(setup.upstreams, setup.timeouts, setup.clock.seconds, setup.clock.sleep, lambda: dead)

    with pytest.raises(EngineFailed, match="out of memory"):
        await dispatcher.open(setup.prepared, setup.progress)

    assert setup.request_counts == [1]


async def test_route_and_attempts_of_a_failed_request_are_reported() -> None:
    setup = Setup([backend(REFUSED, FakeReply(status=400, chunks=(b"{}",)))])

    with pytest.raises(BackendRejected):
        await setup.opened_text()

    assert setup.progress.sent is not None
    assert (setup.progress.sent.route, setup.progress.attempts) == ("llamacpp/local-model", 2)


async def test_a_json_document_is_a_complete_reply() -> None:
    document = {"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]}
    setup = Setup([backend(FakeReply(chunks=(json.dumps(document).encode(),), content_type="application/json"))])

    opened = await setup.open()

    assert opened.reader.is_over
    assert TextDelta("Hello") in opened.first_deltas
    await opened.aclose()


async def test_a_continuation_goes_to_the_same_upstream_and_is_counted() -> None:
    setup = Setup([backend(REFUSED, WHOLE), backend()])

    opened = await setup.dispatcher.reopen(setup.prepared, setup.progress)

    assert setup.progress.continuations == 1
    assert setup.request_counts == [2, 0]
    await opened.aclose()
    assert setup.is_idle


async def test_time_in_the_queue_does_not_count_against_the_retry_budget() -> None:
    setup = Setup([backend(WHOLE, REFUSED, WHOLE)], waiting_limit=1)
    first = await setup.open()
    second = asyncio.create_task(setup.opened_text())
    await asyncio.sleep(0)
    setup.clock.time += 3600.0
    await first.aclose()

    assert await second == "Hello"


LONG = replace(HELLO_REQUEST, characters=9_000)


def small(*script: FakeReply | BackendError) -> FakeBackend:
    """Return a backend with a window of 8,192 tokens that can count."""
    return FakeBackend(replace(target_at("http://fake/v1"), context_tokens=8_192), *script)


def count_of(tokens: int) -> FakeReply:
    return FakeReply(chunks=(b'{"input_tokens": %d}' % tokens,), content_type="application/json")


async def test_a_prompt_that_may_not_fit_is_counted_before_it_is_queued() -> None:
    setup = Setup([small(count_of(8_193))])
    async with setup.upstreams[0].admission.turn(Requester("another conversation")):  # the queue is full
        with pytest.raises(PromptTooLong, match=r"^prompt is too long: 8193 tokens > 8192 maximum"):
            await setup.open(LONG)

    assert [request.path for request in setup.backends[0].requests] == ["/chat/completions/input_tokens"]
    assert setup.upstreams[0].breaker.failures == 0


@pytest.mark.parametrize("counted", [count_of(8_192), FakeReply(status=404), REFUSED])
async def test_a_prompt_that_fits_or_cannot_be_counted_is_sent(counted: FakeReply | BackendError) -> None:
    setup = Setup([small(counted, WHOLE)])

    opened = await setup.open(LONG)
    await opened.aclose()

    assert opened.first_deltas == [TextDelta("Hello")]


async def test_a_turn_that_leaves_no_room_for_its_reply_is_too_long() -> None:
    turn = replace(LONG, request=replace(LONG.request, max_tokens=4_096), reply_share=8)
    setup = Setup([small(count_of(7_169), count_of(7_168), WHOLE)])

    with pytest.raises(
        PromptTooLong, match=r"7169 tokens > 7168 maximum .* of the window's 8192, 1024 are for the reply"
    ):
        await setup.open(turn)
    await (await setup.open(turn)).aclose()

    assert setup.request_counts == [3]


async def test_where_tokens_are_not_counted_those_of_a_turn_follow_from_the_last_count() -> None:
    turn = replace(LONG, request=replace(LONG.request, max_tokens=4_096), reply_share=8)
    setup = Setup([small(FakeReply(status=404))])
    first, counted = replace(turn, characters=28_000), CountedReply(7_000)
    setup.upstreams[0].window.check_reply(first.conversation, first.request, first.characters, counted, 8_192)

    with pytest.raises(PromptTooLong, match=r"7500 tokens > 7499 maximum .an estimate"):
        await setup.open(replace(turn, characters=30_000))


async def test_a_prompt_that_is_known_to_fit_is_not_counted() -> None:
    setup = Setup([small(WHOLE)])

    await (await setup.open(replace(HELLO_REQUEST, characters=8_192))).aclose()

    assert setup.request_counts == [1]


async def test_a_server_that_routes_by_conversation_gets_a_digest_instead_of_the_session_id() -> None:
    keys = []
    for conversation in ("session-1//", "session-1//", "session-2//"):
        backend = FakeBackend(target_at("http://fake/v1", "openrouter"), WHOLE)
        upstream = Upstream(
            FollowedServer(backend), dialect_named("openai_chat"), CircuitBreaker(lambda: 0.0), Admission(1, 0)
        )
        dispatcher = Dispatcher([upstream], Timeouts(), lambda: 0.0)
        async with aclosing(
            await dispatcher.open(upstream.prepare(replace(HELLO_REQUEST, conversation=conversation)), Progress())
        ):
            keys.append(json.loads(backend.requests[0].body)["session_id"])

    assert keys[0] == keys[1] != keys[2]
    assert not any("session" in key for key in keys)


async def test_a_watcher_that_fails_keeps_neither_the_turn_nor_the_reply() -> None:
    setup = Setup([backend(WHOLE)])

    def fail_at_the_reply(stage: str, request: PreparedRequest) -> None:
        if stage == "replying":
            raise RuntimeError("a defect")

    setup.progress.watcher = fail_at_the_reply
    with pytest.raises(RuntimeError):
        await setup.open()

    assert setup.is_idle


def refusal(words: str, status: int = 400) -> FakeReply:
    body = json.dumps({"error": {"message": words}}).encode()
    return FakeReply(chunks=(body,), status=status, content_type="application/json")


NO_STREAM_OPTIONS = refusal("Unknown parameter: 'stream_options'")
NO_MAX_TOKENS = refusal("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")


async def test_a_refused_request_is_sent_again_at_once_as_the_refusal_wants_it() -> None:
    setup = Setup([backend(NO_STREAM_OPTIONS, NO_MAX_TOKENS, WHOLE)])

    assert await setup.opened_text() == "Hello"
    first, second, third = (json.loads(request.body) for request in setup.backends[0].requests)
    assert "stream_options" in first
    assert "stream_options" not in second
    assert "stream_options" not in third
    assert third["max_completion_tokens"] == second["max_tokens"] == 1
    assert setup.clock.sleeps == []
    assert [amendment.quirk for amendment in setup.progress.amendments] == ["omitted_fields", "max_tokens_field"]


async def test_what_was_accepted_is_sent_from_then_on() -> None:
    setup = Setup([backend(NO_STREAM_OPTIONS, WHOLE, WHOLE)])

    await setup.opened_text()
    await setup.opened_text()

    assert "stream_options" not in json.loads(setup.backends[0].requests[2].body)
    assert [amendment.because for amendment in setup.upstreams[0].amendments("local-model")] == [
        "Unknown parameter: 'stream_options'"
    ]


async def test_what_did_not_help_is_not_kept() -> None:
    setup = Setup([backend(NO_STREAM_OPTIONS, refusal("no"))])

    with pytest.raises(BackendRejected, match="no"):
        await setup.open()

    assert setup.upstreams[0].amendments("local-model") == ()
    assert setup.is_idle


async def test_a_server_that_refuses_the_same_again_is_not_asked_a_third_time() -> None:
    setup = Setup([backend(NO_STREAM_OPTIONS, NO_STREAM_OPTIONS)])

    with pytest.raises(BackendRejected, match="stream_options"):
        await setup.open()

    assert setup.request_counts == [2]


async def test_a_refusal_in_the_stream_teaches_too() -> None:
    words = b'data: {"error": {"message": "Unknown parameter: stream_options", "code": 400}}\n\n'
    setup = Setup([backend(FakeReply(chunks=(words,)), WHOLE)])

    assert await setup.opened_text() == "Hello"


async def test_a_server_that_lacks_the_model_is_asked_for_its_present_one_once() -> None:
    lacking = refusal("model 'local-model' not found", 404)
    setup = Setup([backend(lacking), backend(lacking, WHOLE)])
    first, other = setup.backends
    models = iter(["second", "third"])

    async def ask(known: Backend) -> Backend:
        return FakeBackend(replace(other.target, model=next(models)), lacking, WHOLE)

    upstream = replaced(setup.upstreams[0], server=FollowedServer(first, ask))
    dispatcher = Dispatcher([upstream], setup.timeouts, setup.clock.seconds, setup.clock.sleep)

    with pytest.raises(BackendRejected, match="not found") as raised:
        await dispatcher.open(dispatcher.prepare(HELLO_REQUEST), setup.progress)

    assert setup.progress.attempts == 2
    assert upstream.backend.target.model == "second"
    assert (raised.value.status, raised.value.kind) == (400, "invalid_request_error")


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("The model `local-model` does not exist.", "does not have local-model; name another one with --model"),
        ("Not Found", "may have no /chat/completions; check --backend-url"),
    ],
)
async def test_what_the_client_would_replace_by_its_own_words_goes_out_with_a_status_that_it_shows(
    words: str, advice: str
) -> None:
    setup = Setup([backend(refusal(words, 404))])

    with pytest.raises(BackendRejected, match=rf"{words.rstrip('.')}\. .*{advice}$") as raised:
        await setup.opened_text()

    assert (raised.value.status, raised.value.kind) == (400, "invalid_request_error")


async def test_other_words_of_a_refusal_with_that_status_go_out_as_they_are() -> None:
    setup = Setup([backend(refusal("Expecting value: line 1 column 7 (char 6)", 404))])

    with pytest.raises(BackendRejected, match=r"^Expecting value: line 1 column 7 \(char 6\)$") as raised:
        await setup.opened_text()

    assert raised.value.status == 400


async def test_a_prompt_for_another_model_is_checked_against_its_window() -> None:
    """The server counts 5,000 tokens: too many for the other model, not for the main one."""
    target = replace(TARGET, available_models=("local-model", "other"), context_tokens=8_000)
    target = replace(target, windows={"other": 4_000})
    request = replace(HELLO_REQUEST, request=replace(HELLO_REQUEST.request, model="other"), characters=20_000)
    setup = Setup([FakeBackend(target, count_of(5_000))])
    unknown = Setup([FakeBackend(replace(target, windows={}), count_of(5_000), WHOLE)])

    with pytest.raises(PromptTooLong, match="5000 tokens > 4000"):
        await setup.open(request)
    opened = await unknown.open(request)
    await opened.aclose()

    assert opened.request.model == "other"
