"""
Play the sessions in both setups and print the tables.

    uv run python -m benchmarks.cache                     everything, about four minutes
    uv run python -m benchmarks.cache --sessions 2        one of them, by its number
    uv run python -m benchmarks.cache --ways anyclaude    one setup
    uv run python -m benchmarks.cache --sessions 2 --own-server    llama.cpp as users run it
    uv run python -m benchmarks.cache --write             everything, and write the tables to docs/benchmarks.md
"""

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop
from rich.console import Console
from tests.parts.tiny_model import tiny_model_file
from tests.parts.weights import smollm2_file, tests_cache

from .play import Prompt, play
from .report import Played, section, write_section
from .sessions import Session, sessions
from .setups import OWN_SERVER_SETUPS, SETUPS, Setup

PAGE = Path(__file__).parents[2] / "docs/benchmarks.md"


async def measure(chosen: Sequence[Session], setups: Sequence[Setup], console: Console) -> list[tuple[Session, Played]]:
    """Play every session in every setup."""
    model_file = tiny_model_file(await smollm2_file(), tests_cache() / "models")
    results: list[tuple[Session, Played]] = []
    for session in chosen:
        played: dict[str, tuple[Prompt, ...]] = {}
        for setup in setups:
            console.print(f"{session.title} ({session.version}), {setup.title}")
            played[setup.title] = await play(session, setup, model_file)
            _print_differences(played[setup.title], console)
        results.append((session, played))
    return results


def main() -> None:
    """Read the command line, play, print the tables, and write the page if requested."""
    everything = sessions()
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.cache", description="How much of its prompts the engine evaluates again."
    )
    numbers = range(1, len(everything) + 1)
    parser.add_argument(
        "--sessions", nargs="+", type=int, choices=numbers, default=list(numbers), help="by their numbers"
    )
    parser.add_argument("--ways", nargs="+", choices=[setup.title for setup in SETUPS], help="only these setups")
    parser.add_argument("--own-server", action="store_true", help="llama.cpp servers as users run them")
    parser.add_argument("--write", action="store_true", help="write the tables to docs/benchmarks.md")
    options = parser.parse_args()
    console = Console(file=sys.stdout)
    chosen = [everything[number - 1] for number in options.sessions]
    offered = OWN_SERVER_SETUPS if options.own_server else SETUPS
    setups = [setup for setup in offered if options.ways is None or setup.title in options.ways]
    text = section(uvloop.run(measure(chosen, setups, console)), _machine())
    console.print(text, markup=False, highlight=False, soft_wrap=True)
    if options.write:
        write_section(PAGE, text)


def _print_differences(prompts: Sequence[Prompt], console: Console) -> None:
    """Print where a prompt did not extend its conversation, which makes the engine evaluate tokens again."""
    for prompt in prompts:
        if prompt.evaluation.difference:
            line = f"  {prompt.conversation} {prompt.number}: {prompt.evaluation.difference}"
            console.print(line, markup=False, highlight=False, soft_wrap=True)


def _machine() -> str:
    """Describe the machine."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
    return f"{os.cpu_count()} cores of {cpu}, shared, {platform.system()}, Python {platform.python_version()}"


if __name__ == "__main__":
    main()
