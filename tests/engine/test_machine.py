"""The engine's share of the machine's cores and memory."""

import os
from pathlib import Path

import pytest

from anyclaude.engine.machine import affordable_tokens, memory_bytes, memory_for_prompts, prompt_cache_mib, usable_cores

GIB = 1 << 30


@pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity"), reason="only Linux reports which hardware threads share a core"
)
def test_hardware_threads_of_one_core_count_once(tmp_path: Path) -> None:
    for processor in os.sched_getaffinity(0):
        folder = tmp_path / f"cpu{processor}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text("all of them")

    assert usable_cores(tmp_path) == 1


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="only Linux reports the usable processors")
def test_without_a_known_topology_every_usable_processor_counts(tmp_path: Path) -> None:
    assert usable_cores(tmp_path) == len(os.sched_getaffinity(0))


def test_model_context_and_cache_leave_a_quarter_of_the_memory() -> None:
    for_prompts = memory_for_prompts(5 * GIB, 16 * GIB)

    assert for_prompts == 7 * GIB
    context = 100_000 * affordable_tokens(100_000, for_prompts)
    assert context + (prompt_cache_mib(for_prompts, 16 * GIB) << 20) <= for_prompts


def test_a_model_that_fills_the_memory_gets_the_smallest_context() -> None:
    for_prompts = memory_for_prompts(40 * GIB, 32 * GIB)

    assert (for_prompts, prompt_cache_mib(for_prompts, 32 * GIB)) == (0, 0)
    assert affordable_tokens(100_000, for_prompts) == 8192


def test_the_prompt_cache_is_at_most_as_large_as_llama_cpps_default() -> None:
    assert prompt_cache_mib(memory_for_prompts(GIB, 512 * GIB), 512 * GIB) == 8192


def test_where_the_system_does_not_report_its_memory_some_is_assumed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert memory_bytes() > GIB // 8
    monkeypatch.delattr(os, "sysconf")

    assert memory_bytes() == 8 * GIB
