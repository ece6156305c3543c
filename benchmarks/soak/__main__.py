"""
Mixed traffic with random faults and restarts; the exit status is 1 if a reply was wrong, or a resource grew.

    uv run python -m benchmarks.soak                    one hour
    uv run python -m benchmarks.soak --minutes 5
    uv run python -m benchmarks.soak --write            the tables go into docs/benchmarks.md

Ctrl-C ends it early, with the tables so far.
"""

import argparse
import asyncio
import signal
import sys
import tempfile
from pathlib import Path

from benchmarks.machine import machine

from .report import report
from .run import Soak, soak

PAGE = Path(__file__).parents[2] / "docs/benchmarks.md"
BEGIN, END = "<!-- soak: begin -->", "<!-- soak: end -->"


def main() -> int:
    """Read the command line, run, print, write the page if told to, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description="Mixed traffic, faults, restarts.")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--without-engine", action="store_true", help="only before a faulty backend")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/benchmarks.md")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="anyclaude-benchmark-") as folder:
        result = asyncio.run(_interruptible(Path(folder), given.minutes, given.seed, not given.without_engine))
    text = report(result, machine(), f"uv run python -m benchmarks.soak --minutes {given.minutes:g}")
    sys.stdout.write(text)
    if given.write:
        page = PAGE.read_text(encoding="utf-8")
        before, _, rest = page.partition(BEGIN)
        after = rest.partition(END)[2]
        PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", encoding="utf-8")
    return 1 if result.has_failed else 0


async def _interruptible(folder: Path, minutes: float, seed: int, with_engine: bool) -> Soak:
    task = asyncio.ensure_future(soak(folder, minutes, seed, with_engine=with_engine))
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, task.cancel)
    return await task


if __name__ == "__main__":
    sys.exit(main())
