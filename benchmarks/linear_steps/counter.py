"""The instructions that a step executes, counted by valgrind's cachegrind in one process for all steps."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from math import inf
from pathlib import Path

import msgspec
from benchmarks.linear_steps.case import Case
from benchmarks.linear_steps.count import Order

ROOT = Path(__file__).parents[2]

TUNABLES = "glibc.cpu.x86_rep_movsb_threshold=300"
"""From this size on, a copy is one instruction that is repeated for each byte, and counted so: 32 bytes at once would
hide behind what surrounds them.  glibc 2.36 ignores less than 257 bytes."""


def is_installed() -> bool:
    """Return whether instructions can be counted here."""
    return sys.platform == "linux" and shutil.which("valgrind") is not None


class Counter:
    """Counts the instructions of cases."""

    def __init__(self, process: "subprocess.Popen[str]", folder: Path) -> None:
        self._process = process
        self._folder = folder

    def counts(self, case: Case, sizes: Sequence[int]) -> list[float]:
        """
        Return the instructions in each size, all with the same unknown constant; infinite if the work did not end well.

        Raises:
            RuntimeError: when the process that counts has ended, because of a defect in what prepares the step.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(msgspec.to_builtins(Order(case, sizes))) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{case} broke the process that counts; what it wrote is in stderr")
        counted = [self._count(process) for process in json.loads(answer)]
        return [*counted, *[inf] * (len(sizes) - len(counted))]

    def _count(self, process: int) -> float:
        found = re.search(r"I +refs: +([\d,]+)", (self._folder / str(process)).read_text())
        assert found is not None
        return int(found[1].replace(",", ""))


@contextmanager
def counter(folder: Path) -> Generator[Counter, None, None]:
    """Yield a counter that keeps its files in a folder; to start it takes ten seconds of a processor."""
    process = subprocess.Popen(
        [
            *("valgrind", "--tool=cachegrind", "--cache-sim=no"),
            *("--cachegrind-out-file=/dev/null", f"--log-file={folder}/%p"),
            *(sys.executable, "-m", "benchmarks.linear_steps.count"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "0", "GLIBC_TUNABLES": TUNABLES},
    )
    with process:
        yield Counter(process, folder)
