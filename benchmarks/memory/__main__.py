"""
Measure what a gateway takes under attack; the exit status is 1 if that is more than it may.

    uv run python -m benchmarks.memory                  ten minutes, on Linux
    uv run python -m benchmarks.memory --share 0.02     a quick run with small attacks
    uv run python -m benchmarks.memory --only large     one attack
    uv run python -m benchmarks.memory --write          the table goes into docs/benchmarks.md

`--python` names the interpreter of another installation, such as an earlier version.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from benchmarks.machine import machine

from anyclaude.memory_budget import MEMORY_BUDGET

from .attacks import ATTACKS, Scale
from .measures import MEBIBYTE, Plan, Row, measured
from .report import section, write_section

PAGE = Path(__file__).parents[2] / "docs/benchmarks.md"


def main() -> int:
    """Read the command line, measure, print, write the page if told to, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description="The memory under attack.")
    parser.add_argument("--only", nargs="+", choices=tuple(ATTACKS), default=tuple(ATTACKS), metavar="ATTACK")
    parser.add_argument("--share", type=float, default=1.0, help="the share of each attack's size")
    parser.add_argument("--budget", type=int, default=MEMORY_BUDGET // MEBIBYTE, help="the gateway's budget in MiB")
    parser.add_argument("--python", default=sys.executable, help="the interpreter of the gateway")
    parser.add_argument("--write", action="store_true", help="write the table into docs/benchmarks.md")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="anyclaude-benchmark-") as name:
        run = measured(given.only, Plan(given.budget, Scale(given.share), given.python), Path(name), _say)
        measures = asyncio.run(run)
    text = section(measures, machine(), sys.argv[1:])
    sys.stdout.write(text)
    if given.write:
        write_section(PAGE, text)
    return 1 if measures.broken else 0


def _say(row: Row) -> None:
    sys.stderr.write(f"{row.title}: at most {row.peak // MEBIBYTE:,} MiB\n")


if __name__ == "__main__":
    sys.exit(main())
