"""
Many streams, random faults, slow and disconnecting clients, a backend that is killed: is any reply truncated silently?

    uv run python -m benchmarks.chaos [--streams 2000] [--at-once 64] [--kills 10] [--seed 0]

Exits with status 1 if a reply was not what its ending claimed, or if the gateway leaked a resource.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from tests.faults.chaos import Load, run


def main() -> None:
    """Run the streams, and print the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=2000)
    parser.add_argument("--at-once", type=int, default=64)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = asyncio.run(run(Path(folder), Load(options.streams, options.at_once, options.kills, options.seed)))
    for violation in report.violations[:5]:
        console.print(violation, markup=False)
    for line in report.lines():
        console.print(line, markup=False)
    console.print(f"{time.monotonic() - began:.0f} s")
    sys.exit(1 if report.violations or report.leaked else 0)


if __name__ == "__main__":
    main()
