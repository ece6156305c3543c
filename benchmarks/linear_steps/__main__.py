"""
Does the work of each step over text and JSON grow with its input and no faster?  Counted in instructions.

    uv run python -m benchmarks.linear_steps              every step, some minutes each
    uv run python -m benchmarks.linear_steps sse splice   those with one of these words in their names
    uv run python -m benchmarks.linear_steps --list

Work is counted by valgrind's callgrind, which must be installed: it sees regular expressions and every byte that is
copied, and neither a busy machine nor a fast one changes the count.  The worst known inputs of a step are counted, and
inputs that are drawn: a unit of its syntax, repeated between a beginning and an end.  The exit status is 1 if one
of them makes more than `MOST` times the work in twice the length.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import msgspec
from benchmarks.linear_steps.count import Case
from benchmarks.linear_steps.shapes import SHAPES
from benchmarks.linear_steps.steps import STEPS

ROOT = Path(__file__).parents[2]

CHARACTERS = 1_000
"""Of the shorter input: quadratic work shows, and counting makes a step fifty times as slow."""

PARTS = 20

MOST = 2.5
"""How much more work the doubled input may make: twice as much, and what a growing table costs."""

SLACK = 400_000
"""Instructions that one input may cost more than another for reasons that do not grow: a table that is made larger."""

DRAWN = 4
"""Inputs that are drawn for each step."""


def main() -> int:
    """Count the steps that are named, print each case, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.linear_steps", description="Instructions, doubled.")
    parser.add_argument("words", nargs="*", help="words in the names of steps")
    parser.add_argument("--list", action="store_true", help="only name the steps")
    parser.add_argument("--seed", type=int, default=0, help="of the inputs that are drawn")
    given = parser.parse_args()
    names = [name for name in (*STEPS, *SHAPES) if not given.words or any(word in name for word in given.words)]
    if given.list:
        sys.stdout.writelines(f"{name}\n" for name in names)
        return 0
    return 1 if sum(_count_step(name, Random(given.seed)) for name in names) else 0


def _count_step(name: str, rng: Random) -> int:
    """Print the counts of a step, and return in how many cases its work more than doubles."""
    cases = list(_cases(name, rng))
    dear = 0
    for case, (shorter, longer) in zip(cases, _costs(cases), strict=True):
        is_dear = longer > MOST * shorter + SLACK
        dear += is_dear
        shown = f"{case.beginning!r} {case.unit!r} {case.end!r}" if case.unit else ""
        sys.stdout.write(f"{name}: {shorter:,} -> {longer:,} {'MORE THAN LINEAR' if is_dear else ''} {shown}\n")
        sys.stdout.flush()
    return dear


def _cases(name: str, rng: Random) -> Iterator[Case]:
    if name in SHAPES:
        yield Case(name, (PARTS, 2 * PARTS))
        return
    step = STEPS[name]
    for worst in (*step.worst, ("", step.syntax[0], "")):
        yield _case(name, *worst)
    for _ in range(DRAWN):
        beginning, unit, end = ("".join(rng.choices(step.syntax, k=rng.randint(low, 3))) for low in (0, 1, 0))
        yield _case(name, beginning, unit or step.syntax[0], end)


def _case(name: str, beginning: str, unit: str, end: str) -> Case:
    times = max(CHARACTERS // len(unit), 1)
    return Case(name, (times, 2 * times), beginning, unit, end)


def _costs(cases: Sequence[Case]) -> list[tuple[int, int]]:
    """Return the instructions of each case, in its shorter and its longer form."""
    with tempfile.TemporaryDirectory(prefix="anyclaude-benchmark-") as folder:
        out = Path(folder) / "out"
        subprocess.run(
            [
                *("valgrind", "--tool=callgrind", "--dump-before=getppid", f"--callgrind-out-file={out}"),
                *(sys.executable, "-m", "benchmarks.linear_steps.count"),
            ],
            input=json.dumps(msgspec.to_builtins(cases)).encode(),  # halves of a character, which msgspec refuses
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": "0"},
            check=True,
            capture_output=True,
        )
        # Each mark ends a part: the parts between the marks of one size have even numbers.
        counted = [_total_in(Path(f"{out}.{2 * place}")) for place in range(1, 2 * len(cases) + 1)]
    return list(zip(counted[::2], counted[1::2], strict=True))


def _total_in(file: Path) -> int:
    """Return the instructions in one part of callgrind's counts."""
    found = re.search(r"^totals: (\d+)$", file.read_text(), re.MULTILINE)
    return int(found[1]) if found else 0


if __name__ == "__main__":
    sys.exit(main())
