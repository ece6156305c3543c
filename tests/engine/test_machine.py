"""How much of the machine the engine takes."""

import os
from pathlib import Path

import pytest

from anyclaude.engine.machine import affordable_tokens, memory_for_prompts, prompt_cache_mib, usable_cores

GIB = 1 << 30


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


def test_model_context_and_cache_leave_a_quarter_of_the_memory() -> None:
    for_prompts = memory_for_prompts(5 * GIB, 16 * GIB)

    assert for_prompts == 7 * GIB
    context = 100_000 * affordable_tokens(100_000, for_prompts)
    assert context + (prompt_cache_mib(for_prompts, 16 * GIB) << 20) <= for_prompts


def test_a_model_that_fills_the_memory_still_gets_the_smallest_window() -> None:
    for_prompts = memory_for_prompts(40 * GIB, 32 * GIB)

    assert (for_prompts, prompt_cache_mib(for_prompts, 32 * GIB)) == (0, 0)
    assert affordable_tokens(100_000, for_prompts) == 8192


def test_the_cache_of_prompts_is_never_larger_than_the_engine_would_make_it() -> None:
    assert prompt_cache_mib(memory_for_prompts(GIB, 512 * GIB), 512 * GIB) == 8192
