"""What a user is told of a turn."""

import pytest
from msgspec.structs import replace

from anyclaude.cache_report.findings import DifferenceLocation, Excerpt, Finding
from anyclaude.cache_report.report import explained, seconds
from anyclaude.exchange.record import Durations, ExchangeRecord, RecordedError, RecordedUsage

RECORD = ExchangeRecord(
    time="2026-11-22T10:00:00.000+00:00",
    request_id="req_2",
    message_id="msg_2",
    outcome="completed",
    status=200,
    path="/v1/messages",
    session="session-1",
    request_class="main",
    route="llamacpp/m",
    durations=Durations(total=50.0, first_token=41.0),
    usage=RecordedUsage(10_000, 50, 2_000, 40.0, 9.0),
)
FINDING = Finding(
    request_id="req_2",
    message_id="msg_2",
    cause="system_changed",
    compared_with="req_1",
    is_same_conversation=True,
    previous_tokens=8_000,
    previous_route="llamacpp/m",
    place=DifferenceLocation("system", 1, "", "changed", 5_000, 40_000),
    common_tokens=2_000,
    excerpt=Excerpt("It is Monday.\n", "It is Tuesday."),
)


def said(record: ExchangeRecord, finding: Finding | None) -> dict[str, str]:
    """Return the lines by their labels; those without one are joined."""
    lines = explained(record, finding, None)
    labelled = {line.label.strip(): line.text for line in lines if line.label}
    return labelled | {"": "\n".join(line.text for line in lines if not line.label)}


def test_a_healthy_turn_is_three_lines() -> None:
    healthy = replace(FINDING, cause="nothing_lost", place=None, excerpt=None)

    assert [line.label for line in explained(RECORD, healthy, None)] == ["", "", ""]


def test_the_engines_own_numbers_are_told_as_such() -> None:
    counted = said(RECORD, FINDING)[""]

    assert "Prompt: 10,000 tokens, 2,000 of them found in the cache, 8,000 evaluated in 40.0 s" in counted
    assert "(the engine's own count)" in counted
    assert "The reply began after 41.0 s." in counted


def test_the_difference_is_told_by_its_token_its_place_and_both_texts() -> None:
    told = said(RECORD, FINDING)

    assert told["first difference"] == "token 2,001 (by the engine's tokenizer): the system prompt was changed"
    assert told["before"] == "…It is Monday.\\n…"
    assert told["now"] == "…It is Tuesday.…"


def test_a_token_that_nobody_counted_is_called_an_estimate() -> None:
    estimated = said(RECORD, replace(FINDING, common_tokens=None))["first difference"]
    uncounted = said(replace(RECORD, usage=RecordedUsage()), replace(FINDING, common_tokens=None))["first difference"]

    assert estimated.startswith("about token 1,251 (estimated from 5,000 of 40,000 characters)")
    assert uncounted.startswith("character 5,001 of 40,000")


def test_the_cost_is_in_tokens_and_in_a_share_of_the_measured_seconds() -> None:
    assert said(RECORD, FINDING)["cost"] == (
        "6,000 of the 8,000 evaluated tokens would have been found if nothing had changed: about 30.0 s of 40.0 s, "
        "if all took equally long"
    )


def test_what_the_engine_did_not_say_is_not_made_up() -> None:
    silent = replace(RECORD, usage=RecordedUsage(10_000, 50))

    assert "does not say how many" in said(silent, FINDING)[""]
    assert "cost" not in said(silent, FINDING)
    assert "did not count" in said(replace(RECORD, usage=RecordedUsage()), None)[""]


def test_an_engine_that_had_less_than_both_prompts_share_is_named_too() -> None:
    assert "had only 2,000 of these" in said(RECORD, replace(FINDING, common_tokens=6_000))[""]
    assert "had only" not in said(RECORD, FINDING)[""]


def test_a_first_turn_whose_share_the_engine_has_lost_is_told_so() -> None:
    lost = replace(FINDING, cause="engine_lost_it", is_same_conversation=False, is_from_an_earlier_run=True)
    told = said(replace(RECORD, usage=RecordedUsage(10_000, 50, 0, 40.0)), lost)

    assert "the engine lost what it shares with an earlier one" in told[""]
    assert "the engine had none of these" in told[""]
    assert told["since then"] == "the gateway was started anew"
    assert told["cost"].startswith("2,000 of the 10,000 evaluated tokens had been read before")


def test_a_client_that_left_is_why_the_engine_told_nothing() -> None:
    left = replace(RECORD, outcome="client_left", usage=RecordedUsage())

    assert "The client left before the reply had ended." in said(left, FINDING)[""]
    assert "The client left" not in said(RECORD, FINDING)[""]


def test_a_turn_that_failed_says_how() -> None:
    failed = replace(RECORD, outcome="failed", error=RecordedError("api_error", "the server died"))

    assert "It failed: the server died" in said(failed, None)[""]


def test_where_no_excerpt_was_kept_none_is_shown() -> None:
    assert "before" not in said(RECORD, replace(FINDING, excerpt=None))
    assert said(RECORD, replace(FINDING, excerpt=Excerpt("", "New.")))["before"] == "(nothing)"


@pytest.mark.parametrize(
    ("value", "text"), [(0.0412, "41 ms"), (0.9996, "1,000 ms"), (1.04, "1.0 s"), (4_000, "4,000.0 s")]
)
def test_short_times_are_told_in_milliseconds(value: float, text: str) -> None:
    assert seconds(value) == text
