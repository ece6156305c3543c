"""
Play the sessions on both ways and print the tables.

    uv run python -m benchmarks.cache                     everything, about four minutes
    uv run python -m benchmarks.cache --sessions 2        one of them, by its place
    uv run python -m benchmarks.cache --ways anyclaude    one way
    uv run python -m benchmarks.cache --sessions 2 --own-server    llama.cpp as users run it
    uv run python -m benchmarks.cache --write             everything, and the tables go into docs/benchmarks.md
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
from .ways import OWN_SERVER_WAYS, WAYS, Way

PAGE = Path(__file__).parents[2] / "docs/benchmarks.md"


async def measure(chosen: Sequence[Session], ways: Sequence[Way], console: Console) -> list[tuple[Session, Played]]:
    """Play every session on every way."""
    model_file = tiny_model_file(await smollm2_file(), tests_cache() / "models")
    results: list[tuple[Session, Played]] = []
    for session in chosen:
        played: dict[str, tuple[Prompt, ...]] = {}
        for way in ways:
            console.print(f"{session.title} ({session.version}), {way.title}")
            played[way.title] = await play(session, way, model_file)
            _tell_differences(played[way.title], console)
        results.append((session, played))
    return results


def main() -> None:
    """Read the command line, play, print, and write the page if told to."""
    everything = sessions()
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cache", description="What the engine evaluates twice.")
    places = range(1, len(everything) + 1)
    parser.add_argument("--sessions", nargs="+", type=int, choices=places, default=list(places), help="by their place")
    parser.add_argument("--ways", nargs="+", choices=[way.title for way in WAYS], help="leave the other out")
    parser.add_argument("--own-server", action="store_true", help="servers as users run them")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/benchmarks.md")
    given = parser.parse_args()
    console = Console(file=sys.stdout)
    chosen = [everything[place - 1] for place in given.sessions]
    ways = [
        way for way in (OWN_SERVER_WAYS if given.own_server else WAYS) if given.ways is None or way.title in given.ways
    ]
    text = section(uvloop.run(measure(chosen, ways, console)), _machine())
    console.print(text, markup=False, highlight=False, soft_wrap=True)
    if given.write:
        write_section(PAGE, text)


def _tell_differences(prompts: Sequence[Prompt], console: Console) -> None:
    """Show where a prompt did not continue its conversation, which is what made the engine evaluate tokens twice."""
    for prompt in prompts:
        if prompt.evaluation.difference:
            line = f"  {prompt.conversation} {prompt.number}: {prompt.evaluation.difference}"
            console.print(line, markup=False, highlight=False, soft_wrap=True)


def _machine() -> str:
    """Return what the figures were made on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
    return f"{os.cpu_count()} cores of {cpu}, shared, {platform.system()}, Python {platform.python_version()}"


if __name__ == "__main__":
    main()
