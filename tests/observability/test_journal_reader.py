"""Reading the journal, newest records first."""

from pathlib import Path

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

ADDED_SINCE = '"amendments":[],"tool_calls":[],"repeated_calls":null,"endless_reply":null,"thinking":null'
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
    now = now.replace('"first_token":0.5', '"first_token":0.5,"abandoned_work":null')
    assert (tmp_path / "new" / "2026-11-22.jsonl").read_text() == f"{now}\n"
