"""How much of the machine the engine takes."""

import os
from pathlib import Path

import pytest

from anyclaude.engine.machine import prompt_cache_mib, usable_cores


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="only Linux tells siblings apart")
def test_two_threads_of_one_core_count_once(tmp_path: Path) -> None:
    ours = sorted(os.sched_getaffinity(0))
    for processor in ours:
        folder = tmp_path / f"cpu{processor}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text("all of them")

    assert usable_cores(tmp_path) == 1


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="only Linux tells which processors are ours")
def test_without_a_known_topology_every_processor_that_is_ours_counts(tmp_path: Path) -> None:
    assert usable_cores(tmp_path) == len(os.sched_getaffinity(0))


def test_the_cache_of_prompts_leaves_three_quarters_of_the_memory() -> None:
    memory_mib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20

    assert 0 < prompt_cache_mib() <= min(8192, memory_mib // 4)
