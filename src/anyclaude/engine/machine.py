"""What the machine has to compute with."""

import os
import sys
from pathlib import Path

_TOPOLOGY = Path("/sys/devices/system/cpu")
# llama.cpp's own default for its cache of prompts; see `cache_ram_mib` in its common.h.
_LARGEST_CACHE_MIB = 8192
# A quarter of the memory is for everything that is not the engine: the system, the client, what it compiles and tests.
_SHARE_LEFT_FREE = 4
# Claude Code's prompt has 2,200 tokens under the diet `minimal` (docs/diets.md); this leaves room to work.
_LEAST_CONTEXT_TOKENS = 8192


def usable_cores(topology: Path = _TOPOLOGY) -> int:
    """
    Return how many physical cores this process may run on.

    Two hardware threads of one core share its arithmetic units, so a second one only waits (llama.cpp counts cores
    too, but does not see that a container or `taskset` gave us fewer).  Outside Linux, this
    is the number of processors.
    """
    if sys.platform != "linux":
        return os.cpu_count() or 1
    return len({_siblings(topology, processor) for processor in os.sched_getaffinity(0)})


def memory_bytes() -> int:
    """Return how much memory the machine has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def memory_for_prompts(model_bytes: int, memory: int) -> int:
    """Return how many bytes prompts may take, in context and cache together: three quarters less the model."""
    return max(memory - memory // _SHARE_LEFT_FREE - model_bytes, 0)


def affordable_tokens(bytes_per_token: int, for_prompts: int) -> int:
    """
    Return how many tokens of context fit into two thirds of the memory for prompts.

    It is allocated at start, and what does not fit takes the machine down with it.  Where the model leaves hardly
    anything, it is the smallest window that is worth trying.
    """
    return max(for_prompts * 2 // 3 // bytes_per_token, _LEAST_CONTEXT_TOKENS)


def prompt_cache_mib(for_prompts: int, memory: int) -> int:
    """Return a size for the cache of prompts: a third of the memory for prompts, and no more than a quarter of all."""
    return min(_LARGEST_CACHE_MIB, for_prompts // 3 >> 20, memory // _SHARE_LEFT_FREE >> 20)


def _siblings(topology: Path, processor: int) -> str:
    try:
        return (topology / f"cpu{processor}" / "topology" / "thread_siblings_list").read_text()
    except OSError:
        return str(processor)
