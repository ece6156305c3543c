"""What the machine has to compute with."""

import os
import sys
from pathlib import Path

_TOPOLOGY = Path("/sys/devices/system/cpu")
# llama.cpp's own default for its cache of prompts; see `cache_ram_mib` in its common.h.
_LARGEST_CACHE_MIB = 8192
_CACHE_SHARE = 4


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


def prompt_cache_mib() -> int:
    """Return a size for the cache of prompts that leaves the machine usable: a quarter of its memory at most."""
    memory_mib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    return min(_LARGEST_CACHE_MIB, memory_mib // _CACHE_SHARE)


def _siblings(topology: Path, processor: int) -> str:
    try:
        return (topology / f"cpu{processor}" / "topology" / "thread_siblings_list").read_text()
    except OSError:
        return str(processor)
