"""
What becomes of memory that is no longer used: when it is looked for, and when it is given back to the system.

glibc maps blocks from 128 KiB on, but raises that limit to the size of the largest one that was freed, up to 32 MiB:
after one large request, blocks of megabytes come from the heap, where one small block behind them keeps them resident.
"""

import ctypes
import gc
from contextlib import suppress

M_MMAP_THRESHOLD = -3
"""glibc's number for the limit in bytes from which on a block is mapped; setting it ends its growth (mallopt(3))."""

MAPPED_BYTES = 512 * 1024
"""Usual requests, of 300 kB, stay in the heap: mapping costs a page fault for every 4 KiB."""


def return_freed_blocks() -> None:
    """Fix the limit for this process; does nothing where the C library has none."""
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES)


COLLECT_AFTER = (20_000, 20, 20)
"""Allocations, and collections of each younger generation, after which Python looks for cycles.  A collection stops all
threads, and the parts of a large request are no garbage: with Python's 700, 10 and 10, requests beside one with 90,000
empty lists waited 0.16 s, with these 0.06 s (`benchmarks.stalls`)."""


def collect_seldom() -> None:
    """Take what has been loaded so far out of all collections of cycles, and have fewer of them."""
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
