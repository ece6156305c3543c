"""
Count the instructions of steps, under `valgrind --tool=callgrind --dump-before=getppid`.

Reads cases from stdin, as JSON: the name of a step, and its inputs.  Each call of `getppid` marks a place at which
valgrind writes what was counted since the last one, so that only the work itself is counted.
"""

import gc
import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress

import msgspec
from benchmarks.linear_steps.shapes import SHAPES
from benchmarks.linear_steps.steps import STEPS
from benchmarks.linear_steps.thunk import Thunk

from anyclaude.errors import AnyclaudeError


class Case(msgspec.Struct, frozen=True):
    """A step, an input that is repeated, and how often: `sizes` are two numbers of units, or of parts of a request."""

    step: str
    sizes: tuple[int, int]
    beginning: str = ""
    unit: str = ""
    end: str = ""

    @property
    def prepare(self) -> Callable[[int], Thunk]:
        """What prepares the step for a size."""
        if self.step in SHAPES:
            return SHAPES[self.step]
        step = STEPS[self.step]
        return lambda size: step.prepare(self.beginning + self.unit * size + self.end)


def run(work: Thunk) -> None:
    """Do the work; a refusal is a result."""
    with suppress(AnyclaudeError, ValueError):
        work()


def count(case: Case) -> None:
    """Do the work of a case in both sizes, each between two marks."""
    run(case.prepare(1))  # imports what is loaded late, and compiles patterns
    for size in case.sizes:
        work = case.prepare(size)
        os.getppid()
        run(work)
        os.getppid()


def main() -> None:
    """Count all cases."""
    gc.disable()
    for case in msgspec.convert(json.load(sys.stdin), list[Case]):
        count(case)


if __name__ == "__main__":
    main()
