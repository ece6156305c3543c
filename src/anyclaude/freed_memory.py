"""
Have the allocator give large blocks back to the system as soon as they are freed.

glibc maps blocks from 128 KiB on, but raises that limit to the size of the largest one that was freed, up to 32 MiB:
after one large request, blocks of megabytes come from the heap, where one small block behind them keeps them resident.
"""

import ctypes
from contextlib import suppress

M_MMAP_THRESHOLD = -3
"""glibc's number for the limit in bytes from which on a block is mapped; setting it ends its growth (mallopt(3))."""

MAPPED_BYTES = 512 * 1024
"""Usual requests, of 300 kB, stay in the heap: mapping costs a page fault for every 4 KiB."""


def return_freed_blocks() -> None:
    """Fix the limit for this process; does nothing where the C library has none."""
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES)
