"""The journal: one line per exchange, private, and never at the cost of a reply."""

import json
import os
import stat
from pathlib import Path

import pytest
from msgspec.structs import replace

from anyclaude.exchange_record import Durations, ExchangeRecord
from anyclaude.observability.journal import Journal

RECORD = ExchangeRecord(
    time="2026-11-22T23:59:59.999+00:00",
    request_id="req_1",
    outcome="completed",
    status=200,
    path="/v1/messages",
    durations=Durations(total=1.5),
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_record_is_one_line_of_json(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "logs")
    journal.write(RECORD)
    journal.write(replace(RECORD, model="two\nlines and ä"))

    lines = (tmp_path / "logs" / "2026-11-22.jsonl").read_text().splitlines()
    assert [json.loads(line)["model"] for line in lines] == [None, "two\nlines and ä"]
    durations = json.loads(lines[0])["durations"]
    assert durations == {"total": 1.5, "queue": None, "first_token": None, "abandoned_work": None}


def test_files_and_folders_are_private_under_an_open_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        journal = Journal(tmp_path / "new" / "logs")
        journal.write(RECORD)
    finally:
        os.umask(before)

    assert mode(tmp_path / "new") == 0o700
    assert mode(tmp_path / "new" / "logs") == 0o700
    assert mode(tmp_path / "new" / "logs" / "2026-11-22.jsonl") == 0o600


def test_a_new_day_starts_a_new_file(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for time in ("2026-11-22T23:59:59.999+00:00", "2026-11-23T00:00:00.000+00:00", "2026-11-22T23:59:59.999+00:00"):
        journal.write(replace(RECORD, time=time))

    assert {path.name: len(path.read_text().splitlines()) for path in tmp_path.iterdir()} == {
        "2026-11-22.jsonl": 2,
        "2026-11-23.jsonl": 1,
    }


def test_two_gateways_share_a_file(tmp_path: Path) -> None:
    one, two = Journal(tmp_path), Journal(tmp_path)
    for number in range(10):
        (one if number % 2 else two).write(replace(RECORD, request_id=str(number)))

    lines = (tmp_path / "2026-11-22.jsonl").read_text().splitlines()
    assert [json.loads(line)["request_id"] for line in lines] == [str(number) for number in range(10)]


def test_a_folder_that_cannot_be_written_is_counted_as_lost_records(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("in the way")
    journal = Journal(tmp_path / "logs")
    journal.write(RECORD)
    journal.write(RECORD)
    lost = journal.lost_records
    (tmp_path / "logs").unlink()
    journal.write(RECORD)

    assert lost == 2
    assert journal.last_failure is not None
    assert str(tmp_path / "logs") in journal.last_failure
    assert len((tmp_path / "logs" / "2026-11-22.jsonl").read_text().splitlines()) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_full_disk_is_counted_as_a_lost_record(tmp_path: Path) -> None:
    (tmp_path / "2026-11-22.jsonl").symlink_to("/dev/full")
    journal = Journal(tmp_path)
    journal.write(RECORD)

    assert journal.lost_records == 1
    assert journal.last_failure is not None


def test_a_file_that_is_removed_while_the_gateway_runs_is_created_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.write(RECORD)
    (tmp_path / "2026-11-22.jsonl").unlink()
    journal.write(RECORD)

    assert journal.lost_records == 0
    assert len((tmp_path / "2026-11-22.jsonl").read_text().splitlines()) == 1


def test_the_first_record_that_is_lost_is_said_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("in the way")
    said: list[str] = []
    journal = Journal(tmp_path / "logs", said.append)
    for _ in range(3):
        journal.write(RECORD)

    assert journal.lost_records == 3
    assert len(said) == 1
    assert str(tmp_path / "logs") in said[0]


def test_without_a_folder_nothing_is_written_or_lost() -> None:
    journal = Journal(None, pytest.fail)
    journal.write(RECORD)
    journal.close()

    assert (journal.lost_records, journal.last_failure) == (0, None)
