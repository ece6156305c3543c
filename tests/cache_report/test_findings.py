"""The file of findings: one line each, private and bounded."""

import json
import stat
from pathlib import Path

from msgspec.structs import replace

from anyclaude.cache_report.findings import DifferenceLocation, Excerpt, Finding, FindingLog

FINDING = Finding(
    request_id="req_1",
    message_id="msg_1",
    cause="system_changed",
    compared_with="req_0",
    is_same_conversation=True,
    previous_tokens=100,
    location=DifferenceLocation("system", 1, "", "changed", 50, 400),
    common_tokens=12,
    answered_since=("req_x",),
    hints=("date_or_time",),
    excerpt=Excerpt("Monday", "Tuesday"),
)


def test_findings_are_read_as_they_were_written(tmp_path: Path) -> None:
    log = FindingLog(tmp_path / "prompts" / "findings.jsonl")
    other = replace(FINDING, request_id="req_2", excerpt=None)
    log.write(FINDING)
    log.write(other)

    assert log.read() == {"req_1": FINDING, "req_2": other}


def test_the_stored_keys_are_those_of_earlier_releases(tmp_path: Path) -> None:
    file = tmp_path / "findings.jsonl"
    FindingLog(file).write(FINDING)

    assert json.loads(file.read_bytes())["place"] == {
        "section": "system",
        "number": 1,
        "name": "",
        "change": "changed",
        "characters": 50,
        "of_characters": 400,
    }


def test_the_file_is_private(tmp_path: Path) -> None:
    file = tmp_path / "prompts" / "findings.jsonl"
    FindingLog(file).write(FINDING)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_an_incomplete_line_costs_only_itself(tmp_path: Path) -> None:
    file = tmp_path / "findings.jsonl"
    log = FindingLog(file)
    log.write(FINDING)
    file.write_bytes(file.read_bytes() + file.read_bytes()[:40] + b"\n\xff\xfe\n")
    log.write(replace(FINDING, request_id="req_2"))

    assert list(log.read()) == ["req_1", "req_2"]


def test_a_file_over_its_bound_keeps_the_newest_findings(tmp_path: Path) -> None:
    file = tmp_path / "findings.jsonl"
    log = FindingLog(file, max_bytes=4_000)
    for number in range(100):
        log.write(replace(FINDING, request_id=f"req_{number}"))

    assert file.stat().st_size <= 4_000
    assert len(log.read()) >= 3
    assert list(log.read())[-1] == "req_99"
    assert [path.name for path in tmp_path.iterdir()] == ["findings.jsonl"]


def test_a_file_that_cannot_be_written_or_read_has_no_findings(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    log = FindingLog(tmp_path / "file" / "findings.jsonl")
    log.write(FINDING)

    assert log.read() == {}
