"""Small attacks on a real gateway stay within a small budget."""

import sys
from pathlib import Path

import pytest
from benchmarks.memory.attacks import Scale
from benchmarks.memory.measures import Plan, measured

OWN = ("large", "at_once", "emoji", "small", "conversations", "sessions", "tools", "calls")

BUDGET_MIB = 8


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
async def test_the_gateway_stays_within_a_small_budget(tmp_path: Path) -> None:
    measures = await measured(OWN, Plan(BUDGET_MIB, Scale(0.05)), tmp_path)

    assert all(sum(row.kept.values()) <= measures.budget for row in measures.rows)
    assert any(row.dropped for row in measures.rows)
