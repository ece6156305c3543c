"""Chaos, small enough for every run of the tests; `python -m benchmarks.chaos` is the large one."""

from pathlib import Path

from tests.faults.chaos import Size, run

GROWTH_BYTES = 24 * 2**20
"""The gateway itself takes twice as much; 64 streams at once took 3 MiB when this was written."""


async def test_no_reply_is_silently_cut_and_nothing_is_kept(tmp_path: Path) -> None:
    report = await run(tmp_path, Size(streams=150, at_once=64, kills=4))

    assert not report.fouls, report.fouls[0]
    assert not report.leaked, report.lines()
    assert report.outcomes.total() == 150
    assert report.outcomes["whole"] > 0
    assert report.outcomes["broken"] > 0
    assert report.kills >= 4
    assert max(report.memory) - report.before["memory"] < GROWTH_BYTES
