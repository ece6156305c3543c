"""
Measure what a gateway takes under attack; the exit status is 1 if that is more than it may.

    uv run python -m benchmarks.memory                  ten minutes, on Linux
    uv run python -m benchmarks.memory --share 0.02     a quick run with small attacks
    uv run python -m benchmarks.memory --only large     one attack
    uv run python -m benchmarks.memory --write          the table goes into docs/benchmarks.md

`--before` names the interpreter of an earlier version, which is played the same and gets columns of its own.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.machine import machine

from anyclaude.memory_budget import MEMORY_BUDGET

from .attacks import ATTACKS, Scale
from .measures import MEBIBYTE, Measures, Plan, Row, measured
from .report import section, write_section

PAGE = Path(__file__).parents[2] / "docs/benchmarks.md"


def main() -> int:
    """Read the command line, measure, print, write the page if told to, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description="The memory under attack.")
    parser.add_argument("--only", nargs="+", choices=tuple(ATTACKS), default=tuple(ATTACKS), metavar="ATTACK")
    parser.add_argument("--share", type=float, default=1.0, help="the share of each attack's size")
    parser.add_argument("--budget", type=int, default=MEMORY_BUDGET // MEBIBYTE, help="the gateway's budget in MiB")
    parser.add_argument("--before", type=Path, help="the interpreter of an earlier version")
    parser.add_argument("--write", action="store_true", help="write the table into docs/benchmarks.md")
    given = parser.parse_args()
    plan = Plan(given.budget, Scale(given.share))
    earlier = [replace(plan, python=str(given.before.absolute()), core=1)] if given.before else []
    measures, *before = asyncio.run(_played(given.only, [plan, *earlier]))
    text = section(measures, machine(), sys.argv[1:], *before)
    sys.stdout.write(text)
    if given.write:
        write_section(PAGE, text)
    return 1 if measures.broken else 0


async def _played(names: Sequence[str], plans: Sequence[Plan]) -> list[Measures]:
    """Return what each plan took; they are played at the same time, which memory does not depend on."""
    with ExitStack() as stack:
        folders = [stack.enter_context(TemporaryDirectory(prefix="anyclaude-benchmark-")) for _ in plans]
        runs = (measured(names, plan, Path(folder), _say) for plan, folder in zip(plans, folders, strict=True))
        return await asyncio.gather(*runs)


def _say(row: Row) -> None:
    sys.stderr.write(f"{row.title}: at most {row.peak // MEBIBYTE:,} MiB, {dict(row.answers)}\n")


if __name__ == "__main__":
    sys.exit(main())
