"""Large blocks that are freed go back to the system, whatever was allocated after them."""

import gc
import platform
import subprocess
import sys

import pytest

from anyclaude.freed_memory import COLLECT_AFTER, collect_seldom

BURST = """
import sys
from anyclaude.freed_memory import return_freed_blocks

def resident():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))

if sys.argv[1] == "returned":
    return_freed_blocks()
bytes(30_000_000)
before, large, small = resident(), [], []
for _ in range(8):
    large.append(bytes(b"x" * 4_000_000))
    small.append(bytes(b"x" * 100_000))
del large
print(resident() - before)
"""


def left_after_a_burst(how: str) -> int:
    """Return the bytes that a process has more after it has freed blocks of 4 MB, with small ones between them."""
    done = subprocess.run([sys.executable, "-c", BURST, how], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators have no such limit")
def test_freed_blocks_are_not_resident() -> None:
    assert left_after_a_burst("returned") < 4_000_000
    assert left_after_a_burst("kept") > 8_000_000, "otherwise the limit is of no use"


def test_what_has_been_loaded_is_not_looked_through_again() -> None:
    before = gc.get_threshold()
    try:
        collect_seldom()
        assert gc.get_freeze_count() > 1_000
        assert gc.get_threshold() == COLLECT_AFTER
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
