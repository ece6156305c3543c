"""
Does the work of each step over text and JSON grow with its input and no faster?  Counted in instructions.

    uv run python -m benchmarks.linear_steps              every step, some minutes
    uv run python -m benchmarks.linear_steps sse splice   those with one of these words in their names
    uv run python -m benchmarks.linear_steps --list

Work is counted by valgrind's cachegrind, which must be installed: it sees regular expressions and every byte that is
copied, and neither a busy machine nor a fast one changes the count.  The worst known inputs of a step are counted, and
inputs that are drawn: a unit of its syntax, repeated between a beginning and an end.  The exit status is 1 if one of
them is not linear.
"""

import argparse
import sys
import tempfile
from functools import partial
from pathlib import Path
from random import Random

from benchmarks.linear_steps.case import drawn_cases, known_cases
from benchmarks.linear_steps.counter import counter
from benchmarks.linear_steps.growth import growth
from benchmarks.linear_steps.shapes import SHAPES
from benchmarks.linear_steps.steps import STEPS


def main() -> int:
    """Count the steps that are named, print each case, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.linear_steps", description="Instructions, doubled.")
    parser.add_argument("words", nargs="*", help="words in the names of steps")
    parser.add_argument("--list", action="store_true", help="only name the steps")
    parser.add_argument("--drawn", type=int, default=4, help="inputs to draw for each step")
    parser.add_argument("--seed", type=int, default=0, help="of the inputs that are drawn")
    given = parser.parse_args()
    names = [name for name in (*STEPS, *SHAPES) if not given.words or any(word in name for word in given.words)]
    if given.list:
        sys.stdout.writelines(f"{name}\n" for name in names)
        return 0
    rng = Random(given.seed)
    cases = [case for name in names for case in (*known_cases(name), *drawn_cases(name, rng, given.drawn))]
    dear = 0
    with tempfile.TemporaryDirectory(prefix="anyclaude-benchmark-") as folder, counter(Path(folder)) as count:
        for case in cases:
            grown = growth(case, partial(count.counts, case))
            dear += not grown.is_linear
            sys.stdout.write(f"{grown}{'' if grown.is_linear else ' MORE THAN LINEAR'}\n")
            sys.stdout.flush()
    return 1 if dear else 0


if __name__ == "__main__":
    sys.exit(main())
