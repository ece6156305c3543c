"""
Time anyclaude's own part of a start, and print the tables.

    uv run python -m benchmarks.startup            a minute
    uv run python -m benchmarks.startup --write    the tables go into docs/benchmarks.md
"""

import argparse
import asyncio
import os
import platform
import sys
import tempfile
from pathlib import Path

from .commands import measure_commands
from .launches import measure_launches
from .report import section, write_section

PAGE = Path(__file__).parents[2] / "docs/benchmarks.md"


def main() -> None:
    """Read the command line, measure, print, and write the page if told to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.startup", description="How long a start takes.")
    parser.add_argument("--rounds", type=int, default=11, help="runs of each command and launch")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/benchmarks.md")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="anyclaude-benchmark-") as name:
        commands = measure_commands(Path(name, "commands"), given.rounds)
        launches = asyncio.run(measure_launches(Path(name), given.rounds))
    text = section(commands, launches, given.rounds, _machine())
    sys.stdout.write(text)
    if given.write:
        write_section(PAGE, text)


def _machine() -> str:
    """Describe the machine that the figures are from."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
    load = os.getloadavg()[0]
    system = f"{platform.system()}, Python {platform.python_version()}"
    return f"{os.cpu_count()} cores of {cpu}, {system}, load average {load:.1f}"


if __name__ == "__main__":
    main()
