"""Reading the journal, newest records first."""

from pathlib import Path

from msgspec.structs import replace

from anyclaude.exchange.record import Durations, ExchangeRecord, RecordedUsage
from anyclaude.observability.journal import Journal
from anyclaude.observability.journal_reader import newest_records

RECORD = ExchangeRecord(
    time="2026-11-22T10:00:00.000+00:00",
    request_id="req_1",
    message_id="msg_1",
    outcome="completed",
    status=200,
    path="/v1/messages",
    durations=Durations(total=1.5),
    usage=RecordedUsage(10, 2, 5, 0.5, 0.1),
)


def test_records_of_all_days_are_read_newest_first(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    records = [
        replace(RECORD, request_id=f"req_{number}", time=f"2026-11-2{day}T10:00:00.000+00:00")
        for number, day in enumerate((1, 2, 2))
    ]
    for record in records:
        journal.write(record)

    assert list(newest_records(tmp_path)) == records[::-1]


def test_unreadable_lines_and_missing_folders_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "2026-11-22.jsonl").write_bytes(b'{"time": "20\n\xff\n[]\n')
    journal = Journal(tmp_path)
    journal.write(RECORD)

    assert list(newest_records(tmp_path)) == [RECORD]
    assert list(newest_records(tmp_path / "nowhere")) == []
