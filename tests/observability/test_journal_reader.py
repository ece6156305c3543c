"""Reading the journal, newest records first."""

import os
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from anyclaude.dialects import DroppedField
from anyclaude.exchange_record import Durations, ExchangeRecord, RecordedSkip, RecordedUsage
from anyclaude.observability.journal import Journal
from anyclaude.observability.journal_reader import newest_records
from anyclaude.protocol.prompt_size import PromptSize, SectionSize
from anyclaude.transforms import Step

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


@pytest.mark.parametrize(
    ("was", "now"),
    [
        *(
            ('"time":"2026-11-22T10:00:00.000+00:00"', f'"time":"{time}"')
            for time in ("never", "", "0001-01-01", "1e400")
        ),
        *(('"total":1.5', f'"total":{seconds}') for seconds in ("1e300", "-1e300", "1e400", "NaN", '"1"', "true")),
        *(('"input_tokens":10', f'"input_tokens":{count}') for count in ("-5", "9" * 300, "1e400", '"10"', "true")),
        ('"prefill_seconds":0.5', '"prefill_seconds":1e300'),
    ],
)
def test_a_record_with_figures_or_a_time_that_cannot_be_is_skipped(
    tmp_path: Path, was: str, now: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Pacific/Honolulu")  # where the first day of the year 1 has no local time
    time.tzset()
    assert was in OLD_LINE
    (tmp_path / "2026-11-22.jsonl").write_text(f"{OLD_LINE}\n{OLD_LINE.replace(was, now)}\n")

    assert len(list(newest_records(tmp_path))) == 1


def test_a_folder_or_a_pipe_in_the_place_of_a_file_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "2026-11-23.jsonl").mkdir()
    os.mkfifo(tmp_path / "2026-11-24.jsonl")
    Journal(tmp_path).write(RECORD)

    assert list(newest_records(tmp_path)) == [RECORD]


OLD_LINE = (
    '{"time":"2026-11-22T10:00:00.000+00:00","request_id":"req_1","message_id":"msg_1","outcome":"completed",'
    '"status":200,"path":"/v1/messages","session":"session-1","agent":null,"request_class":"main",'
    '"model":"claude-opus-5-5","route":"llamacpp/qwen3","attempts":2,"passed_over":[{"backend":"vllm","reason":"gone"}],'
    '"was_adopted":true,"continuations":1,"streaming":true,"size":{"system":{"characters":10,"tokens":3},'
    '"tools":{"characters":20,"tokens":6},"messages":{"characters":5,"tokens":1},"tool_count":2,"message_count":1,'
    '"tokens_from":"engine"},"durations":{"total":1.5,"queue":0.1,"first_token":0.5},"usage":{"input_tokens":10,'
    '"output_tokens":2,"cached_tokens":5,"prefill_seconds":0.5,"generation_seconds":0.1},"stop_reason":"end_turn",'
    '"steps":[{"name":"tool text","before":40,"after":20}],"dropped":[{"what":"top_k","why":"unknown","count":1}],'
    '"error":null}'
)
"""A line with all fields, as an earlier version wrote it."""

ADDED_SINCE = (
    '"amendments":[],"tool_calls":[],"tool_runs":[],"documents":[],"repeated_calls":null,"endless_reply":null,'
    '"thinking":null'
)
"""The fields that records have had since, which stand before `error`."""


def test_a_line_written_by_an_earlier_version_is_still_read_and_keeps_its_fields(tmp_path: Path) -> None:
    (tmp_path / "2026-11-22.jsonl").write_text(f"{OLD_LINE}\n")
    (record,) = newest_records(tmp_path)
    Journal(tmp_path / "new").write(record)

    assert record == replace(
        RECORD,
        session="session-1",
        request_class="main",
        model="claude-opus-5-5",
        route="llamacpp/qwen3",
        attempts=2,
        skipped_backends=(RecordedSkip("vllm", "gone"),),
        was_reattached=True,
        continuations=1,
        streaming=True,
        size=PromptSize(SectionSize(10, 3), SectionSize(20, 6), SectionSize(5, 1), 2, 1, "engine"),
        durations=Durations(1.5, 0.1, 0.5),
        stop_reason="end_turn",
        steps=(Step("tool text", 40, 20),),
        dropped=(DroppedField("top_k", "unknown"),),
    )
    now = OLD_LINE.replace('"error":', f'{ADDED_SINCE},"error":')
    now = now.replace(
        '"generation_seconds":0.1', '"generation_seconds":0.1,"drafted_tokens":null,"accepted_tokens":null'
    )
    now = now.replace('"first_token":0.5', '"first_token":0.5,"abandoned_work":null')
    assert (tmp_path / "new" / "2026-11-22.jsonl").read_text() == f"{now}\n"
