"""
Many streams, random faults, clients that read slowly or vanish, a backend that is killed: is every reply honest?

    uv run python -m benchmarks.chaos [--streams 2000] [--at-once 64] [--kills 10] [--seed 0]

Ends with status 1 if a reply was not what it seemed, or if the gateway has kept something.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from tests.faults.chaos import Size, run


def main() -> None:
    """Run it, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=2000)
    parser.add_argument("--at-once", type=int, default=64)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = asyncio.run(run(Path(folder), Size(chosen.streams, chosen.at_once, chosen.kills, chosen.seed)))
    for foul in report.fouls[:5]:
        console.print(foul, markup=False)
    for line in report.lines():
        console.print(line, markup=False)
    console.print(f"{time.monotonic() - began:.0f} s")
    sys.exit(1 if report.fouls or report.leaked else 0)


if __name__ == "__main__":
    main()
