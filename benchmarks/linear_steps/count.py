"""
Do steps in forked processes, so that valgrind counts each on its own.

Reads cases from stdin, one JSON line each: a step with its input, and the sizes.  Answers with the ids of the processes
that did the work, one for each size, up to the first that failed.  What they share with this one, from its start
to the fork, is the same for all sizes, so the difference of two counts is that of the work.
"""

import gc
import json
import os
import resource
import sys
from collections.abc import Sequence
from contextlib import suppress
from itertools import takewhile

import msgspec
from benchmarks.linear_steps.case import Case
from benchmarks.linear_steps.thunk import Thunk

from anyclaude.errors import AnyclaudeError

CPU_SECONDS = 5
"""After which the work is ended: ten times what the dearest linear step needs, counted."""


class Order(msgspec.Struct, frozen=True):
    """A case, and the sizes in which it is done."""

    case: Case
    sizes: Sequence[int]


def run(work: Thunk) -> None:
    """Do the work; a refusal is a result."""
    with suppress(AnyclaudeError, ValueError):
        work()


def fork(work: Thunk) -> int:
    """Do the work in a process of its own, and return its id, or 0 if it did not end well."""
    process = os.fork()
    if process == 0:
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        run(work)
        os._exit(0)
    _, status = os.waitpid(process, 0)
    return process if status == 0 else 0


def main() -> None:
    """Do what is ordered until stdin ends."""
    gc.disable()
    for line in sys.stdin:
        order = msgspec.convert(json.loads(line), Order)  # halves of a character, which msgspec's decoder refuses
        run(order.case.prepare(1))  # imports what is loaded late, and compiles patterns
        works = [order.case.prepare(size) for size in order.sizes]  # before the first fork: the same for all
        sys.stdout.write(json.dumps(list(takewhile(bool, map(fork, works)))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
