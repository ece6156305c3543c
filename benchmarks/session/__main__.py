"""
Play a coding session with the real client on a real model, directly on llama.cpp and through anyclaude.

    uv run python -m benchmarks.session --json FILE              Qwen2.5-Coder-0.5B in all ways, up to half an hour
    uv run python -m benchmarks.session --json FILE --ways direct          one of them
    uv run python -m benchmarks.session --json FILE --model qwen2.5-coder-1.5b
    uv run python -m benchmarks.session --json FILE --write      the tables go into docs/benchmarks.md

What is in FILE is not played again, unless `--again` is given; the tables have all that is in it.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import uvloop
from benchmarks.machine import machine
from benchmarks.tools.models import PINNED, model_file
from tests.parts.tiny_model import tiny_model_file
from tests.parts.weights import smollm2_file, tests_cache

from .measures import Results, keep_results, read_results
from .report import section, write_section
from .script import Session, short_session, whole_session
from .ways import WAYS, Way, play

PAGE = Path(__file__).parents[2] / "docs/benchmarks.md"
FOLDER = Path(tempfile.gettempdir()) / "anyclaude-session-benchmark"
"""Always the same: the path of the project is part of the prompts, and of the replies."""

TINY = "tiny"


def main() -> None:
    """Read the command line, play what is missing, print, and write what is requested."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.session", description="A session of read, write, run.")
    models = ", ".join((*PINNED, TINY))
    parser.add_argument("--model", default="qwen2.5-coder-0.5b", help=f"NAME=PATH.gguf, or {models}")
    parser.add_argument("--ways", nargs="*", choices=WAYS, default=list(WAYS), help="none: only the tables")
    parser.add_argument("--short", action="store_true", help="four turns")
    parser.add_argument("--json", type=Path, required=True, help="the file of the results")
    parser.add_argument("--again", action="store_true", help="play ways that are in the file too")
    parser.add_argument("--write", action="store_true", help="write the tables to docs/benchmarks.md")
    options = parser.parse_args()
    results = read_results(options.json)
    session_in = short_session if options.short else whole_session
    wanted = [way for way in options.ways if options.again or way not in results.get(_name(options.model), {})]
    uvloop.run(_play(options.model, wanted, session_in, results, options.json))
    text = section(results, machine())
    sys.stdout.write(text)
    if options.write:
        write_section(PAGE, text)


async def _play(
    reference: str, ways: Sequence[Way], session_in: Callable[[Path], Session], results: Results, kept_in: Path
) -> None:
    """Play the ways one after the other, and keep the result of each as soon as it is there."""
    for way in ways:
        file = await _model_file(reference)
        _say(f"{_name(reference)}, {way}")
        played = await play(way, file, FOLDER, session_in, _say)
        _say(f"  {played.client_seconds:.0f} s in all")
        results.setdefault(_name(reference), {})[way] = played
        keep_results(kept_in, results)


async def _model_file(reference: str) -> Path:
    if reference == TINY:
        return tiny_model_file(await smollm2_file(), tests_cache() / "models")
    return (await model_file(reference))[1]


def _name(reference: str) -> str:
    return reference.partition("=")[0]


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
