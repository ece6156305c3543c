"""Recorded exchanges and their findings, as a page or the command shows them."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.cache_report.test_report import FINDING, RECORD

from anyclaude.cache_report.findings import FINDINGS_FILE, FindingLog
from anyclaude.cache_report.history import ExchangeHistory
from anyclaude.cache_report.report import explained
from anyclaude.exchange_record import Durations, Outcome, RecordedUsage
from anyclaude.observability.journal import Journal

ONE, TWELVE, TWO = (
    replace(RECORD, request_id=f"req_{number}", message_id=f"msg_{number}9") for number in ("1", "12", "2")
)
WARM_UP = replace(RECORD, request_id="rex_8", message_id=None, request_class="warm_up", usage=RecordedUsage())


@pytest.fixture
def history(tmp_path: Path) -> ExchangeHistory:
    """Return three turns, the last of them with a finding, a request for a token count, and a warm-up."""
    journal = Journal(tmp_path / "logs")
    for record in (ONE, TWELVE, TWO, replace(RECORD, request_id="req_7", path="/v1/messages/count_tokens"), WARM_UP):
        journal.write(record)
    FindingLog(tmp_path / FINDINGS_FILE).write(FINDING)
    return ExchangeHistory(tmp_path / "logs", tmp_path)


def test_the_newest_exchange_is_a_turn_of_the_client(history: ExchangeHistory) -> None:
    assert history.newest() == TWO


@pytest.mark.parametrize(
    ("request_id", "records"),
    [
        ("req_12", [TWELVE]),
        ("12", [TWELVE]),
        ("msg_129", [TWELVE]),
        ("129", [TWELVE]),
        ("req_1", [ONE]),
        ("1", [TWELVE, ONE]),
        ("rex", [WARM_UP]),
        ("req_7", []),
        ("req_9", []),
    ],
)
def test_exchanges_match_by_the_beginning_of_their_ids(
    history: ExchangeHistory, request_id: str, records: list[object]
) -> None:
    assert history.matching(request_id) == records


def test_an_exchange_is_explained_with_its_finding_and_the_compared_exchange(history: ExchangeHistory) -> None:
    assert history.explain(TWO) == explained(TWO, FINDING, ONE)
    assert history.explain(ONE) == explained(ONE, None, None)


def test_the_latest_exchanges_come_with_their_findings_oldest_first(history: ExchangeHistory) -> None:
    assert history.latest(3) == [(TWELVE, None), (TWO, FINDING), (WARM_UP, None)]
    assert len(history.latest(10)) == 4


def test_without_files_there_is_no_exchange(tmp_path: Path) -> None:
    history = ExchangeHistory(tmp_path / "missing", tmp_path / "missing")

    assert history.newest() is None
    assert history.matching("req_1") == []
    assert history.latest(3) == []


@pytest.mark.parametrize(("outcome", "is_named"), [("pre_empted", True), ("completed", False)])
def test_a_turn_that_waited_for_an_evaluation_in_advance_names_it(
    tmp_path: Path, outcome: Outcome, *, is_named: bool
) -> None:
    earlier = replace(WARM_UP, time="2026-11-22T09:59:00.000+00:00", outcome=outcome)
    turn = replace(TWO, durations=Durations(total=50.0, first_token=41.0, abandoned_work=12.5))
    journal = Journal(tmp_path / "logs")
    for record in (earlier, turn):
        journal.write(record)

    lines = ExchangeHistory(tmp_path / "logs", tmp_path).explain(turn)

    assert any(earlier.request_id in line.text for line in lines) is is_named
