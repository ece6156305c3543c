"""The processors and the memory that the engine may use."""

import os
from pathlib import Path

_TOPOLOGY = Path("/sys/devices/system/cpu")
# For Windows, which has no `sysconf`.  Few machines have less, and the user can set a larger window.
_ASSUMED_MEMORY_BYTES = 8 << 30
# llama.cpp's default for its prompt cache; see `cache_ram_mib` in its common.h.
_MAX_CACHE_MIB = 8192
# A quarter of the memory stays free for everything else: the system, the client, what it compiles and tests.
_FREE_MEMORY_DIVISOR = 4
# Claude Code's prompt has 2,200 tokens under the diet `minimal` (docs/diets.md); this leaves room to work.
_MIN_CONTEXT_TOKENS = 8192


def usable_cores(topology: Path = _TOPOLOGY) -> int:
    """
    Return the number of physical cores this process may run on.

    Two hardware threads of one core share its arithmetic units, so a second thread only waits.  llama.cpp counts
    cores too, but ignores that a container or `taskset` may allow fewer.  Outside Linux, return the number of
    processors.
    """
    try:
        usable = os.sched_getaffinity(0)
    except AttributeError:  # only Linux has it
        return os.cpu_count() or 1
    return len({_siblings(topology, processor) for processor in usable})


def memory_bytes() -> int:
    """Return the size of the machine's memory, or an assumption where the system does not report it."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except AttributeError:  # Windows
        return _ASSUMED_MEMORY_BYTES


def memory_for_prompts(model_bytes: int, memory: int) -> int:
    """Return the bytes that context and prompt cache may take together: three quarters of `memory` less the model."""
    return max(memory - memory // _FREE_MEMORY_DIVISOR - model_bytes, 0)


def affordable_tokens(bytes_per_token: int, for_prompts: int) -> int:
    """
    Return the number of context tokens that fit into two thirds of the memory for prompts.

    The context is allocated at start, and one that does not fit takes the machine down with it.  Where the model leaves
    hardly any memory, return the smallest context that is worth trying.
    """
    return max(tokens_that_fit(bytes_per_token, for_prompts), _MIN_CONTEXT_TOKENS)


def tokens_that_fit(bytes_per_token: int, for_prompts: int) -> int:
    """Return the number of context tokens that two thirds of the memory for prompts hold, however few."""
    return for_prompts * 2 // 3 // bytes_per_token


def prompt_cache_mib(for_prompts: int, memory: int) -> int:
    """Return a size for the prompt cache: a third of the memory for prompts, at most a quarter of all memory."""
    return min(_MAX_CACHE_MIB, for_prompts // 3 >> 20, memory // _FREE_MEMORY_DIVISOR >> 20)


def _siblings(topology: Path, processor: int) -> str:
    try:
        return (topology / f"cpu{processor}" / "topology" / "thread_siblings_list").read_text()
    except OSError:
        return str(processor)
