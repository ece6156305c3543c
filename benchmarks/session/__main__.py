"""
Play a coding session with the real client on a real model, directly on llama.cpp and through anyclaude.

    uv run python -m benchmarks.session --json FILE              Qwen2.5-Coder-0.5B in all ways, up to half an hour
    uv run python -m benchmarks.session --json FILE --ways direct          one of them
    uv run python -m benchmarks.session --json FILE --model qwen2.5-coder-1.5b
    uv run python -m benchmarks.session --json FILE --write      the tables go into docs/benchmarks.md

What is in FILE is not played again, unless `--again` is given; the tables have all that is in it.  A way that fails
does not hold up the others.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import aiohttp
import uvloop
from benchmarks.machine import machine
from benchmarks.tools.models import PINNED, model_file
from tests.parts.tiny_model import tiny_model_file
from tests.parts.weights import smollm2_file, tests_cache

from anyclaude.errors import AnyclaudeError

from .measures import PlayedSession, Results, keep_results, read_results
from .report import section, write_section
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
    name = options.model.partition("=")[0] + (" (short)" if options.short else "")
    wanted = [way for way in options.ways if options.again or way not in results.get(name, {})]
    kept = partial(_keep, options.json, results, name)
    failed = uvloop.run(_play(options.model, wanted, "short" if options.short else "whole", kept))
    text = section(results, machine())
    sys.stdout.write(text)
    if options.write:
        write_section(PAGE, text)
    if failed:
        raise SystemExit(f"not played: {'; '.join(failed)}")


async def _play(
    reference: str,
    ways: Sequence[Way],
    session: str,
    keep: Callable[[Way, PlayedSession], None],
) -> list[Way]:
    """Play the ways one after the other, keep each as soon as it is played, and return those that failed."""
    failed: list[Way] = []
    file = await _model_file(reference)
    for way in ways:
        _say(f"{reference}, {way}")
        try:
            played = await play(way, file, FOLDER, session, _say)
        except (AssertionError, AnyclaudeError, aiohttp.ClientError, OSError) as error:
            _say(f"{type(error).__name__}: {error}")
            failed.append(way)
        else:
            _say(f"  {played.client_seconds:.0f} s in all")
            keep(way, played)
    return failed


def _keep(file: Path, results: Results, model: str, way: Way, played: PlayedSession) -> None:
    results.setdefault(model, {})[way] = played
    keep_results(file, results)


async def _model_file(reference: str) -> Path:
    if reference == TINY:
        return tiny_model_file(await smollm2_file(), tests_cache() / "models")
    return (await model_file(reference))[1]


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
