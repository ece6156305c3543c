"""
Let the real Claude Code read, fix and test a small program on a small model, directly and through anyclaude.

    uv run python -m benchmarks.fix_task                             Qwen2.5-Coder-1.5B, ten runs each, up to 80 minutes
    uv run python -m benchmarks.fix_task --model qwen2.5-coder-0.5b --runs 1
    uv run python -m benchmarks.fix_task --json FILE                 and the events of the client
    uv run python -m benchmarks.fix_task --write                     the table goes into docs/benchmarks.md
"""

import argparse
import itertools
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import uvloop
from benchmarks.machine import machine
from benchmarks.tools.models import PINNED, model_file

from .outcome import Events, Outcome, outcome
from .report import section, write_section
from .runs import Limits, open_players, task, warm_up_task

PAGE = Path(__file__).parents[2] / "docs/benchmarks.md"


def main() -> None:
    """Read the command line, play, print, and write what is requested."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fix_task", description="Read, fix, run the test.")
    parser.add_argument("--model", default="qwen2.5-coder-1.5b", help=f"NAME=PATH.gguf, or {', '.join(PINNED)}")
    parser.add_argument("--runs", type=int, default=10, help="of each way")
    parser.add_argument("--timeout", type=float, default=240.0, help="seconds for one run")
    parser.add_argument("--turns", type=int, default=15, help="the model's replies in one run")
    parser.add_argument("--json", type=Path, help="write the client's events to this file")
    parser.add_argument("--write", action="store_true", help="write the table to docs/benchmarks.md")
    options = parser.parse_args()
    limits = Limits(options.timeout, options.turns)
    model, outcomes, events = uvloop.run(measure(options.model, options.runs, limits))
    bounds = f"at most {limits.seconds:.0f} s and {limits.turns} replies for a run"
    text = section(outcomes, model, bounds, machine())
    sys.stdout.write(text)
    if options.json is not None:
        options.json.write_text(json.dumps(events, indent=1, ensure_ascii=False), encoding="utf-8")
    if options.write:
        write_section(PAGE, text)


async def measure(
    reference: str, runs: int, limits: Limits
) -> tuple[str, Mapping[str, Sequence[Outcome]], Mapping[str, Sequence[Events]]]:
    """Return the name of the model, and the outcomes and events of both ways, which take turns."""
    model, file = await model_file(reference)
    outcomes: dict[str, list[Outcome]] = defaultdict(list)
    events: dict[str, list[Events]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="anyclaude-benchmark-") as folder:
        async with open_players(file, Path(folder)) as players:
            for player in players:
                ending = await player.play(warm_up_task())
                sys.stderr.write(f"{player.title}: the first prompt is evaluated after {ending.seconds:.0f} s\n")
            for _, player in itertools.product(range(runs), players):
                ending = await player.play(task(limits))
                outcomes[player.title].append(outcome(player.tree, ending))
                events[player.title].append(ending.events)
                sys.stderr.write(f"{player.title}: {outcomes[player.title][-1]}\n")
    return model, outcomes, events


if __name__ == "__main__":
    main()
