"""`anyclaude explain`: which exchange is explained."""

import io
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.cache_report.test_report import FINDING, RECORD
from tests.parts.command import Command
from tests.parts.odd_places import Start, outcome, rights_can_be_dropped

from anyclaude.cache_report.findings import FINDINGS_FILE, FindingLog
from anyclaude.cli.explain import explain, list_exchanges
from anyclaude.errors import InvalidSetting
from anyclaude.exchange_record import Durations, ExchangeRecord
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
    journal.close()
    FindingLog(tmp_path / "prompts" / FINDINGS_FILE).write(FINDING)
    return Settings(log_dir=tmp_path)


def shown(request: str | None, settings: Settings) -> str:
    out = io.StringIO()
    explain(request, settings, out)
    return out.getvalue()


def test_the_newest_exchange_of_a_client_is_explained_by_default(settings: Settings) -> None:
    text = shown(None, settings)

    assert text.startswith("req_2 · ")
    assert "compared with     req_1 of 2026-11-22" in text


@pytest.mark.parametrize("request_id", ["req_12", "12", "msg_129", "129", "msg_12"])
def test_an_exchange_is_found_by_its_ids_and_their_beginnings(settings: Settings, request_id: str) -> None:
    assert shown(request_id, settings).startswith("req_12 · ")


def test_a_complete_id_wins_over_longer_ones_that_begin_with_it(settings: Settings) -> None:
    assert shown("req_1", settings).startswith("req_1 · ")


def test_an_ambiguous_or_unknown_id_is_refused(settings: Settings) -> None:
    with pytest.raises(InvalidSetting, match="3 exchanges have an id that begins with req: req_2, req_12, req_1"):
        shown("req", settings)
    with pytest.raises(InvalidSetting, match="no exchange has an id that begins with req_9"):
        shown("req_9", settings)
    with pytest.raises(InvalidSetting, match="contains no exchange"):
        shown(None, Settings(log_dir=settings.log_dir / "nowhere"))


def test_a_pipe_gets_unwrapped_lines_without_colour(settings: Settings) -> None:
    text = shown(None, settings)

    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) > 100


def test_the_last_exchanges_are_listed_oldest_first(settings: Settings) -> None:
    out = io.StringIO()
    list_exchanges(3, settings, out)
    heading, *rows = out.getvalue().splitlines()

    assert heading.split()[:2] == ["time", "request"]
    assert [row.split()[2] for row in rows] == ["req_12", "req_2", "rex_8"]
    assert [row.split()[7] for row in rows] == ["-", "system", "-"]


@pytest.mark.parametrize("count", ["0", "-1", "x", "1.5"])
async def test_the_number_of_exchanges_to_list_must_be_positive(command: Command, count: str) -> None:
    status, _, err = await command.ran("explain", "--last", count)

    assert status == 2
    assert err.startswith(f"anyclaude: --last: '{count}' is not a whole number of at least 1")


async def test_the_command_needs_no_server_and_refuses_an_unknown_exchange(command: Command) -> None:
    journal = Journal(command.home / ".anyclaude" / "request-logs")
    journal.write(
        ExchangeRecord(
            time="2026-11-22T10:00:00.000+00:00",
            request_id="req_1",
            outcome="completed",
            status=200,
            path="/v1/messages",
            durations=Durations(total=1.5),
        )
    )
    journal.close()

    status, out, _ = await command.ran("explain", ANYCLAUDE_BACKEND_URL="http://127.0.0.1:9")
    _, listed, _ = await command.ran("explain", "--last", "5")
    refused, nothing, err = await command.ran("explain", "req_2")

    assert (status, refused, nothing) == (0, 2, "")
    assert out.startswith("req_1 · ")
    assert "req_1" in listed
    assert "no exchange has an id that begins with req_2" in err


@pytest.mark.skipif(not rights_can_be_dropped(), reason="root may read everything")
async def test_records_that_cannot_be_read_are_named_with_the_setting(command: Command) -> None:
    (command.home / ".anyclaude").mkdir(mode=0o000)

    ended = await outcome(command, (sys.executable, "-m", "anyclaude"), Start(("explain",)))

    assert ended.status == 1
    assert len(ended.said) == 1
    assert str(command.home / ".anyclaude" / "request-logs") in ended.err
    assert "ANYCLAUDE_LOG_DIR" in ended.err
