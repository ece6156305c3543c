"""What the journal tells of an exchange, for every way it can end."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from tests.parts.gateway import RunningGateway
from tests.parts.json_at import at
from tests.parts.manual_clock import ManualClock
from tests.parts.raw_backend import RawBackend
from tests.parts.raw_client import CLAUDE_CODE, ask, connected, prompt, request

from anyclaude.errors import BackendTimeout
from anyclaude.exchange.caller import caller_of
from anyclaude.exchange.exchange_log import ExchangeLog

NOON_IN_TOKYO = datetime(2026, 11, 22, 12, 0, tzinfo=timezone(timedelta(hours=9)))


def log_of(clock: ManualClock) -> ExchangeLog:
    return ExchangeLog("req_1", "/v1/messages", caller_of({}), clock.seconds, lambda: NOON_IN_TOKYO)


def test_times_are_utc_and_durations_count_from_the_arrival() -> None:
    clock = ManualClock()
    log = log_of(clock)
    clock.time += 1.5
    log.progress.admitted_at = clock.seconds()
    clock.time += 2.0
    log.reply_began()
    clock.time += 3.0

    record = log.record("completed")

    assert datetime.fromisoformat(record.time) == NOON_IN_TOKYO.astimezone(UTC)
    assert record.time.startswith("2026-11-22T03:00:00")
    assert (record.durations.queue, record.durations.first_token, record.durations.total) == (1.5, 3.5, 6.5)


def test_what_was_waited_for_before_the_arrival_took_no_time() -> None:
    clock = ManualClock()
    admitted_at = clock.seconds()
    clock.time += 300.0
    log = log_of(clock)
    log.progress.admitted_at = admitted_at

    assert log.record("completed").durations.queue == 0.0


def test_an_exchange_that_got_nowhere_says_so_with_gaps() -> None:
    record = log_of(ManualClock()).record("refused")

    assert record.durations.queue is None
    assert record.durations.first_token is None
    assert record.size is None
    assert record.model is None
    assert record.status is None


def test_a_failure_nobody_foresaw_was_an_internal_error_to_the_client() -> None:
    assert log_of(ManualClock()).record("failed").status == 500


def test_an_error_is_told_by_its_type_and_text() -> None:
    log = log_of(ManualClock())
    log.error = BackendTimeout("silent")
    record = log.record("failed")

    assert record.error is not None
    assert (record.error.type, record.error.message) == ("timeout_error", "silent")


async def test_a_whole_exchange_is_told_in_one_line(gateway: RunningGateway, backend: RawBackend) -> None:
    headers = {**CLAUDE_CODE, "x-claude-code-agent-id": "a1", "x-claude-code-request-class": "subagent"}
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt(thinking={"type": "adaptive"}), headers))
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
    assert at(record, "error") is None
    first_token, total = at(record, "durations", "first_token"), at(record, "durations", "total")
    assert isinstance(first_token, float)
    assert isinstance(total, float)
    assert 0.0 <= first_token <= total


async def test_nothing_the_user_or_the_model_wrote_is_in_it(gateway: RunningGateway, backend: RawBackend) -> None:
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt("my private question")))
        await (await backend.next_request()).reply("a private answer")
        await client.response()

    assert "private" not in str(gateway.records())


@pytest.mark.parametrize(
    ("method", "body", "headers", "status"),
    [("POST", b"{", {}, 400), ("GET", b"", {}, 405), ("POST", b"{}", {"Host": "evil.example"}, 403)],
)
async def test_what_is_refused_is_told_too(
    gateway: RunningGateway, method: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    response = await ask(gateway.base_url, method, "/v1/messages", body, headers)

    (record,) = gateway.records()
    assert response.status == status
    assert (record["outcome"], record["status"]) == ("refused", status)
    assert at(record, "error", "message") == response.error[1]
