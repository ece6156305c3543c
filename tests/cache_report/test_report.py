"""The explanation of a turn, in words."""

import pytest
from msgspec.structs import replace

from anyclaude.cache_report.findings import DifferenceLocation, Excerpt, Finding
from anyclaude.cache_report.report import explained, seconds
from anyclaude.exchange_record import Durations, ExchangeRecord, RecordedError, RecordedToolRun, RecordedUsage

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
    location=DifferenceLocation("system", 1, "", "changed", 5_000, 40_000),
    common_tokens=2_000,
    excerpt=Excerpt("It is Monday.\n", "It is Tuesday."),
)


def lines_of(record: ExchangeRecord, finding: Finding | None) -> dict[str, str]:
    """Return the lines by label; those without a label are joined."""
    lines = explained(record, finding, None)
    labelled = {line.label.strip(): line.text for line in lines if line.label}
    return labelled | {"": "\n".join(line.text for line in lines if not line.label)}


def test_a_turn_that_lost_nothing_has_four_lines() -> None:
    healthy = replace(FINDING, cause="nothing_lost", location=None, excerpt=None)

    assert [line.label for line in explained(RECORD, healthy, None)] == ["", "", "", ""]


def test_the_speed_of_a_reply_and_its_drafts_are_told_where_they_are_known() -> None:
    drafted = replace(RECORD, usage=RecordedUsage(10_000, 50, 2_000, 40.0, 2.5, 30, 24))
    unknown = replace(RECORD, usage=RecordedUsage(10_000, 50, 2_000, 40.0))

    assert "Reply: 50 tokens in 9.0 s, 5.6 per second." in lines_of(RECORD, FINDING)[""]
    assert "20.0 per second; 24 of 30 drafted tokens were accepted." in lines_of(drafted, FINDING)[""]
    assert "Reply:" not in lines_of(unknown, FINDING)[""]


def test_searches_and_pages_that_were_run_for_the_model_are_told() -> None:
    failed = RecordedToolRun("web_fetch", error="url_not_allowed", reason="The address is private.")
    text = lines_of(replace(RECORD, tool_runs=(RecordedToolRun("web_search", results=3), failed)), FINDING)[""]

    assert "web_search was run for the model: 3 found." in text
    assert "web_fetch failed (url_not_allowed): The address is private." in text


def test_the_engines_own_counts_are_named_as_such() -> None:
    counted = lines_of(RECORD, FINDING)[""]

    assert "Prompt: 10,000 tokens, 2,000 found in the cache, 8,000 evaluated in 40.0 s" in counted
    assert "(the engine's own count)" in counted
    assert "The reply began after 41.0 s." in counted


def test_the_compared_prompt_is_named_with_its_relation_to_this_one() -> None:
    assert lines_of(RECORD, FINDING)["compared with"] == "req_1, of the same conversation"
    assert lines_of(RECORD, replace(FINDING, is_same_conversation=False))["compared with"] == (
        "req_1, the most similar prompt"
    )


def test_the_difference_has_a_token_a_location_and_both_texts() -> None:
    lines = lines_of(RECORD, FINDING)

    assert lines["first difference"] == "token 2,001 (by the engine's tokenizer): the system prompt was changed"
    assert lines["before"] == "…It is Monday.\\n…"
    assert lines["now"] == "…It is Tuesday.…"


def test_without_a_tokenizer_the_token_is_called_an_estimate() -> None:
    estimated = lines_of(RECORD, replace(FINDING, common_tokens=None))["first difference"]
    uncounted = lines_of(replace(RECORD, usage=RecordedUsage()), replace(FINDING, common_tokens=None))[
        "first difference"
    ]

    assert estimated.startswith("about token 1,251 (estimated from 5,000 of 40,000 characters)")
    assert uncounted.startswith("character 5,001 of 40,000")


def test_the_cost_is_in_tokens_and_a_share_of_the_measured_seconds() -> None:
    assert lines_of(RECORD, FINDING)["cost"] == (
        "6,000 of the 8,000 evaluated tokens would have been in the cache if nothing had changed: about 30.0 s of "
        "40.0 s, if each took equally long"
    )


def test_counts_that_the_engine_did_not_report_are_called_unknown() -> None:
    silent = replace(RECORD, usage=RecordedUsage(10_000, 50))

    assert "does not report how many" in lines_of(silent, FINDING)[""]
    assert "cost" not in lines_of(silent, FINDING)
    assert "did not report the length" in lines_of(replace(RECORD, usage=RecordedUsage()), None)[""]


def test_an_engine_that_lost_part_of_the_common_prefix_is_named_too() -> None:
    assert "had only 2,000 of these" in lines_of(RECORD, replace(FINDING, common_tokens=6_000))[""]
    assert "had only" not in lines_of(RECORD, FINDING)[""]


def test_a_first_turn_whose_common_prefix_the_engine_lost_is_reported() -> None:
    lost = replace(FINDING, cause="engine_lost_it", is_same_conversation=False, is_from_an_earlier_run=True)
    lines = lines_of(replace(RECORD, usage=RecordedUsage(10_000, 50, 0, 40.0)), lost)

    assert "the engine lost what it shares with an earlier one" in lines[""]
    assert "the engine had none of these" in lines[""]
    assert lines["since then"] == "the gateway was restarted"
    assert lines["cost"].startswith("2,000 of the 10,000 evaluated tokens had been evaluated before")


def test_a_client_that_disconnected_is_named_as_the_reason_for_missing_counts() -> None:
    left = replace(RECORD, outcome="client_left", usage=RecordedUsage())

    assert "The client disconnected before the reply ended." in lines_of(left, FINDING)[""]
    assert "The client disconnected" not in lines_of(RECORD, FINDING)[""]


def test_a_failed_turn_has_its_error() -> None:
    failed = replace(RECORD, outcome="failed", error=RecordedError("api_error", "the server died"))

    assert "It failed: the server died" in lines_of(failed, None)[""]


def test_without_an_excerpt_no_text_is_shown() -> None:
    assert "before" not in lines_of(RECORD, replace(FINDING, excerpt=None))
    assert lines_of(RECORD, replace(FINDING, excerpt=Excerpt("", "New.")))["before"] == "(nothing)"


@pytest.mark.parametrize(
    ("value", "text"), [(0.0412, "41 ms"), (0.9996, "1,000 ms"), (1.04, "1.0 s"), (4_000, "4,000.0 s")]
)
def test_short_durations_are_in_milliseconds(value: float, text: str) -> None:
    assert seconds(value) == text


def test_the_wait_for_an_interrupted_evaluation_in_advance_is_not_counted_as_the_turns_own() -> None:
    waited = replace(RECORD, durations=Durations(total=50.0, first_token=41.0, abandoned_work=12.5))
    evaluation = replace(RECORD, request_id="req_1", request_class="warm_up", outcome="pre_empted")

    of_evaluation = [line.text for line in explained(waited, None, None, evaluation)]
    of_a_reply = [line.text for line in explained(waited, None, None)]

    assert (
        "Of that, 12.5 s are not its own: the server went on with the evaluation in advance that this request "
        "interrupted (req_1)."
    ) in of_evaluation
    assert (
        "Of that, 12.5 s are not its own: the server went on with an earlier reply, whose client had left."
    ) in of_a_reply
