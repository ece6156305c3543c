"""The record of an exchange, for every way in which it can end."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone

import pytest
from tests.parts.exchange_events import Recorder
from tests.parts.fake_backend import FakeBackend
from tests.parts.gateway import RunningGateway, target_at
from tests.parts.json_at import at
from tests.parts.manual_clock import ManualClock
from tests.parts.raw_backend import RawBackend
from tests.parts.raw_client import CLAUDE_CODE, ask, connected, prompt, request
from tests.parts.upstreams import prepared_for

from anyclaude.dialects import EngineProgress
from anyclaude.errors import BackendTimeout
from anyclaude.exchange import Clock, ExchangeLog, ExchangeProgressed, ExchangeRecord, Outcome, caller_of
from anyclaude.scheduling import Progress
from anyclaude.scheduling.progress import unwatched

PREPARED = prepared_for(FakeBackend(target_at("http://fake/v1")))

NOON_IN_TOKYO = datetime(2026, 11, 22, 12, 0, tzinfo=timezone(timedelta(hours=9)))


@dataclass
class LoggedExchange:
    """The log of one exchange, with a manual clock and the listener that receives its events."""

    clock: ManualClock = field(default_factory=ManualClock)
    listener: Recorder = field(default_factory=Recorder)

    def __post_init__(self) -> None:
        clock = Clock(seconds=self.clock.seconds, now=lambda: NOON_IN_TOKYO)
        self.log = ExchangeLog("req_1", "/v1/messages", caller_of({}), clock, self.listener)

    def record(self, outcome: Outcome) -> ExchangeRecord:
        """End the exchange, and return its record."""
        self.log.ended(outcome)
        (event,) = self.listener.ends
        return event.record


def test_times_are_utc_and_durations_count_from_the_arrival() -> None:
    logged, progress = LoggedExchange(), Progress()
    logged.log.follow(progress)
    logged.clock.time += 1.5
    progress.admitted_at = logged.clock.seconds()
    logged.clock.time += 2.0
    logged.log.reply_began()
    logged.clock.time += 3.0

    record = logged.record("completed")

    assert datetime.fromisoformat(record.time) == NOON_IN_TOKYO.astimezone(UTC)
    assert record.time.startswith("2026-11-22T03:00:00")
    assert (record.durations.queue, record.durations.first_token, record.durations.total) == (1.5, 3.5, 6.5)


def test_nothing_is_announced_after_the_end() -> None:
    logged, progress = LoggedExchange(), Progress()
    logged.log.follow(progress)
    logged.record("client_left")

    assert progress.watcher is unwatched


def test_a_client_that_reattached_keeps_following_when_the_first_exchange_ends() -> None:
    first, second, progress = LoggedExchange(), LoggedExchange(), Progress()
    first.log.follow(progress)
    second.log.follow(progress, was_reattached=True)
    following = progress.watcher
    first.record("client_left")

    assert progress.watcher == following


class Stages(Recorder):
    """Keeps the stages too."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[ExchangeProgressed] = []

    def exchange_progressed(self, event: ExchangeProgressed) -> None:
        """Keep the event."""
        self.seen.append(event)


def test_the_stages_carry_what_the_engine_says_now_and_why_an_attempt_failed() -> None:
    stages, progress = Stages(), Progress()
    LoggedExchange(listener=stages).log.follow(progress)
    progress.sending(PREPARED)
    progress.failing(PREPARED, "refused")
    progress.sending(PREPARED)
    progress.engine = lambda: EngineProgress(output_tokens=9)

    assert [(event.stage, event.failure) for event in stages.seen] == [
        ("evaluating", ""),
        ("failing", "refused"),
        ("evaluating", ""),
    ]
    assert stages.seen[-1].engine() == EngineProgress(output_tokens=9)


def test_an_error_is_announced_before_it_is_delivered() -> None:
    stages, progress = Stages(), Progress()
    logged = LoggedExchange(listener=stages)
    logged.log.follow(progress)
    progress.sending(PREPARED)
    logged.log.failed(BackendTimeout("silent"))

    assert stages.seen[-1].stage == "ending"


def test_what_was_never_sent_has_no_stages() -> None:
    stages = Stages()
    LoggedExchange(listener=stages).log.failed(BackendTimeout("silent"))

    assert stages.seen == []


def test_time_before_a_reattached_request_arrived_counts_as_zero() -> None:
    clock = ManualClock()
    progress = Progress(admitted_at=clock.seconds())
    clock.time += 300.0
    logged = LoggedExchange(clock)
    logged.log.follow(progress, was_reattached=True)

    record = logged.record("completed")

    assert (record.durations.queue, record.was_reattached) == (0.0, True)


def test_fields_that_an_exchange_did_not_reach_are_null() -> None:
    record = LoggedExchange().record("refused")

    assert record.durations.queue is None
    assert record.durations.first_token is None
    assert record.size is None
    assert record.model is None
    assert record.status is None


def test_an_unexpected_failure_is_recorded_as_status_500() -> None:
    assert LoggedExchange().record("failed").status == 500


def test_an_error_is_recorded_by_its_type_and_message() -> None:
    logged = LoggedExchange()
    logged.log.failed(BackendTimeout("silent"))
    record = logged.record("failed")

    assert record.error is not None
    assert (record.error.type, record.error.message) == ("timeout_error", "silent")


async def test_a_completed_exchange_is_one_record(gateway: RunningGateway, backend: RawBackend) -> None:
    headers = {**CLAUDE_CODE, "x-claude-code-agent-id": "a1", "x-claude-code-request-class": "subagent"}
    async with connected(gateway.base_url) as client:
        await client.send(
            request(
                "POST", "/v1/messages", prompt(thinking={"type": "adaptive"}, output_config={"effort": "high"}), headers
            )
        )
        await (await backend.next_request()).reply("Hel", "lo")
        response = await client.response()

    (record,) = gateway.records()
    assert record["request_id"] == response.headers["request-id"]
    assert (record["outcome"], record["status"], record["streaming"]) == ("completed", 200, True)
    assert (record["session"], record["agent"], record["request_class"]) == ("session-1", "a1", "subagent")
    assert (record["model"], record["route"]) == ("claude-opus-5-5", "llamacpp/local-model")
    assert (record["attempts"], record["continuations"], record["stop_reason"]) == (1, 0, "end_turn")
    assert (at(record, "usage", "input_tokens"), at(record, "usage", "output_tokens")) == (12, 3)
    assert at(record, "usage", "cached_tokens") is None
    assert at(record, "size", "messages", "characters") == 5
    assert at(record, "size", "tokens_from") == "engine"
    assert at(record, "thinking") == {"asked": True, "effort": "high", "switch": "none"}
    assert at(record, "error") is None
    first_token, total = at(record, "durations", "first_token"), at(record, "durations", "total")
    assert isinstance(first_token, float)
    assert isinstance(total, float)
    assert 0.0 <= first_token <= total


async def test_a_record_holds_no_text_of_the_user_or_the_model(gateway: RunningGateway, backend: RawBackend) -> None:
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt("my private question")))
        await (await backend.next_request()).reply("a private answer")
        await client.response()

    assert "private" not in str(gateway.records())


@pytest.mark.parametrize(
    ("method", "body", "headers", "status"),
    [("POST", b"{", {}, 400), ("GET", b"", {}, 405), ("POST", b"{}", {"Host": "evil.example"}, 403)],
)
async def test_refused_requests_are_recorded(
    gateway: RunningGateway, method: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    response = await ask(gateway.base_url, method, "/v1/messages", body, headers)

    (record,) = gateway.records()
    assert response.status == status
    assert (record["outcome"], record["status"]) == ("refused", status)
    assert at(record, "error", "message") == response.error[1]
