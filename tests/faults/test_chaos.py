"""The chaos run at a size for every test run; `python -m benchmarks.chaos` is the large one."""

from pathlib import Path

from tests.faults.chaos import Load, run

GROWTH_BYTES = 24 * 2**20
"""Half of what the idle gateway takes; 64 concurrent streams took 3 MiB when this was written."""


async def test_no_reply_is_truncated_silently_and_no_resource_leaks(tmp_path: Path) -> None:
    report = await run(tmp_path, Load(streams=200, max_concurrent=32, kills=4))

    assert not report.violations, report.violations[0]
    assert not report.leaked, report.lines()
    assert report.outcomes.total() == 200
    assert report.outcomes["whole"] > 0
    assert report.outcomes["broken"] > 0
    assert report.kills >= 4
    assert max(report.memory) - report.before["memory"] < GROWTH_BYTES
