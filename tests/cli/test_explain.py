"""The command `anyclaude explain`: its output and its errors."""

import io
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.cache_report.test_report import FINDING, RECORD

from anyclaude.cache_report.findings import FINDINGS_FILE, FindingLog
from anyclaude.cli.explain import explain, list_exchanges
from anyclaude.errors import InvalidSetting
from anyclaude.observability.journal import Journal
from anyclaude.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Three exchanges, the last of them with a finding, and a count of tokens after it."""
    journal = Journal(tmp_path / "request-logs")
    for number in ("1", "12", "2"):
        journal.write(replace(RECORD, request_id=f"req_{number}", message_id=f"msg_{number}9"))
    journal.write(replace(RECORD, request_id="req_7", message_id=None, path="/v1/messages/count_tokens"))
    journal.write(replace(RECORD, request_id="rex_8", message_id=None, request_class="warm_up"))
    FindingLog(tmp_path / "prompts" / FINDINGS_FILE).write(FINDING)
    return Settings(log_dir=tmp_path)


def shown(request: str | None, settings: Settings) -> str:
    out = io.StringIO()
    assert explain(request, settings, out) == 0
    return out.getvalue()


def test_the_newest_reply_is_explained_by_default(settings: Settings) -> None:
    text = shown(None, settings)

    assert text.startswith("req_2 · ")
    assert "compared with     req_1 of 2026-11-22" in text


@pytest.mark.parametrize("request_id", ["req_12", "12", "msg_129", "129", "msg_12"])
def test_an_exchange_is_found_by_the_beginning_of_its_ids(settings: Settings, request_id: str) -> None:
    assert shown(request_id, settings).startswith("req_12 · ")


def test_a_complete_id_matches_only_its_own_exchange(settings: Settings) -> None:
    assert shown("req_1", settings).startswith("req_1 · ")


def test_an_ambiguous_or_unknown_id_is_refused(settings: Settings) -> None:
    with pytest.raises(InvalidSetting, match="3 exchanges have an id that begins with req: req_2, req_12, req_1"):
        shown("req", settings)
    with pytest.raises(InvalidSetting, match="no exchange has an id that begins with req_9"):
        shown("req_9", settings)
    with pytest.raises(InvalidSetting, match="holds no exchange"):
        shown(None, Settings(log_dir=settings.log_dir / "nowhere"))


def test_without_a_terminal_the_output_has_no_colour_and_no_wrapping(settings: Settings) -> None:
    text = shown(None, settings)

    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) > 100


def test_the_last_exchanges_are_listed_with_their_counts_and_causes(settings: Settings) -> None:
    out = io.StringIO()
    list_exchanges(3, settings, out)
    heading, older, newer, _ = out.getvalue().splitlines()

    assert heading.split() == ["time", "request", "prompt", "cached", "evaluated", "seconds", "cause", "caller"]
    assert older.split()[2:] == ["req_12", "10,000", "2,000", "8,000", "40.00", "-", "main"]
    assert newer.split()[2:] == ["req_2", "10,000", "2,000", "8,000", "40.00", "system", "main"]
