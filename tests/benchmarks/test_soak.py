"""The soak: it finds what is wrong or grows, and passes a gateway that is neither."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks.soak.measures import COUNTED, MEMORY, Sample, trends
from benchmarks.soak.report import report
from benchmarks.soak.run import soak
from benchmarks.soak.traffic import EngineClient, Tally

STEADY = {"tasks": 5.0, "files": 20.0, "sockets": 3.0, "memory": 100.0, "kept": 10.0}


def growing(name: str, by: float) -> list[Sample]:
    """Return samples of which one resource grows from the second quarter on."""
    return [
        Sample(minute, {**STEADY, name: STEADY[name] + by * max(minute - 10, 0)}, folder_bytes=0, exchanges=0)
        for minute in range(40)
    ]


@pytest.mark.parametrize("name", [*COUNTED, "memory"])
def test_what_grows_is_found(name: str) -> None:
    grown = [trend.name for trend in trends(growing(name, 2.0)) if not trend.is_flat]
    assert grown == [MEMORY if name == "memory" else name]
    assert all(trend.is_flat for trend in trends(growing(name, 0.0)))


def test_memory_may_grow_by_what_is_kept() -> None:
    samples = growing("memory", 2.0)
    kept = [replace(it, held={**it.held, "kept": it.held["memory"] - 90.0}) for it in samples]

    assert all(trend.is_flat for trend in trends(kept))


def test_an_answer_that_only_begins_like_the_first_one_is_a_cut_reply() -> None:
    client = EngineClient(0, Tally(), random.Random(0))
    client._take("question", True, "a whole answer")
    client._take("question", True, "another one")
    with pytest.raises(AssertionError, match="cut reply"):
        client._take("question", True, "a whole")


async def test_a_short_run_finds_nothing_wrong(tmp_path: Path) -> None:
    result = await soak(tmp_path, minutes=0.05, seed=1, with_engine=False)

    (lane,) = result.lanes
    assert lane.tally.outcomes.total() > 0
    assert lane.tally.wrong == []
    assert "| a backend that breaks half of its replies |" in report(result, "a machine", "soak")
