"""
Measure what small requests wait beside hostile ones; the exit status is 1 if the p99 reaches 50 ms beside any.

    uv run python -m benchmarks.stalls                   seven minutes, on Linux
    uv run python -m benchmarks.stalls --only images     those with one of these words in their name
    uv run python -m benchmarks.stalls --drawn 50        as many new bodies instead
    uv run python -m benchmarks.stalls --write           the table goes into docs/benchmarks.md

`--before` names the interpreter of an earlier version, which is played the same and gets a column of its own.
"""

import argparse
import asyncio
import os
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.machine import machine

from .attacks import ATTACKS, Attack, drawn
from .play import Row, played
from .report import section, write_section

PAGE = Path(__file__).parents[2] / "docs/benchmarks.md"


def main() -> int:
    """Read the command line, measure, print, write the page if told to, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stalls", description="Small requests beside others.")
    parser.add_argument("--only", nargs="+", default=[""], help="words in the names of the attacks")
    parser.add_argument("--drawn", type=int, default=0, help="the number of new bodies to draw, in place of the known")
    parser.add_argument("--seed", type=int, default=0, help="of the new bodies")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each attack")
    parser.add_argument("--before", type=Path, help="the interpreter of an earlier version")
    parser.add_argument("--write", action="store_true", help="write the table into docs/benchmarks.md")
    given = parser.parse_args()
    known = [(name, attack()) for name, attack in ATTACKS.items() if any(word in name for word in given.only)]
    attacks = list(drawn(given.seed, given.drawn)) if given.drawn else known
    if len(os.sched_getaffinity(0)) > 1:
        os.sched_setaffinity(0, {1})  # the gateway has the other core for itself
    rows = _played(attacks, given.seconds, sys.executable)
    before = _played(attacks, given.seconds, str(given.before.absolute())) if given.before else []
    arguments = [argument for argument in sys.argv[1:] if argument != "--write"]
    text = section(rows, machine(), shlex.join(["uv", "run", "python", "-m", "benchmarks.stalls", *arguments]), before)
    sys.stdout.write(text)
    if given.write:
        write_section(PAGE, text)
    return 1 if any(row.holds_up_others for row in rows) else 0


def _played(attacks: Sequence[tuple[str, Attack]], seconds: float, python: str) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="anyclaude-benchmark-") as folder:
        return asyncio.run(played(attacks, seconds, Path(folder), python))


if __name__ == "__main__":
    sys.exit(main())
