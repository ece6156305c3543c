"""
Play tasks that one tool call answers on a small model, and count valid and right calls.

    uv run python -m benchmarks.tools                                  Qwen2.5-Coder-0.5B
    uv run python -m benchmarks.tools --model smollm2-135m --tasks 6   a short run of another model
    uv run python -m benchmarks.tools --model NAME=PATH.gguf           any model in a file
    uv run python -m benchmarks.tools --json FILE                      and the raw replies, one a line
    uv run python -m benchmarks.tools --write                          the table goes into docs/benchmarks.md
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

import uvloop
from benchmarks.machine import machine

from anyclaude.engine import EngineOptions

from .arms import open_ways
from .models import PINNED, model_file
from .play import Played, play
from .replies import Verdict, verdict
from .report import section, write_section
from .tasks import TASKS, chosen

PAGE = Path(__file__).parents[2] / "docs/benchmarks.md"
CONTEXT_TOKENS = 16_384
"""Twice the largest prompt; a model that was trained for less gets its own."""


def main() -> None:
    """Read the command line, play, print, and write what is requested."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tools", description="Tool calls of small models.")
    parser.add_argument("--model", default="qwen2.5-coder-0.5b", help=f"NAME=PATH.gguf, or {', '.join(PINNED)}")
    parser.add_argument("--tasks", type=int, default=len(TASKS), help="how many tasks, spread over the sets of tools")
    parser.add_argument("--max-tokens", type=int, default=300, help="the longest reply")
    parser.add_argument("--json", type=Path, help="write the raw replies to this file, one a line")
    parser.add_argument("--write", action="store_true", help="write the table to docs/benchmarks.md")
    options = parser.parse_args()
    with ExitStack() as stack:
        raw = stack.enter_context(options.json.open("w", encoding="utf-8")) if options.json else None
        model, played = uvloop.run(measure(options.model, options.tasks, options.max_tokens, Progress(raw)))
    text = section(model, played, options.max_tokens, machine())
    sys.stdout.write(text)
    if options.write:
        write_section(PAGE, model, text)


async def measure(
    reference: str, tasks: int, max_tokens: int, progress: Callable[[Played], None]
) -> tuple[str, list[Played]]:
    """Return the name of the model and its replies."""
    model, file = await model_file(reference)
    with tempfile.TemporaryDirectory(prefix="anyclaude-benchmark-") as folder:
        async with open_ways(file, Path(folder), EngineOptions(context_tokens=CONTEXT_TOKENS)) as ways:
            return model, await play(ways, chosen(tasks), max_tokens, progress)


@dataclass(frozen=True, slots=True)
class Progress:
    """Prints a line for each reply, and writes it to `raw`, for analysis."""

    raw: TextIO | None

    def __call__(self, played: Played) -> None:
        """Report one reply."""
        judged = verdict(played.task, played.reply)
        word = "right" if judged.is_right else "valid" if judged.is_valid else "no valid call"
        sys.stderr.write(f"{played.reply.seconds:6.1f} s  {word:14} {played.arm.title:36} {played.task.prompt}\n")
        if self.raw is not None:
            self.raw.write(f"{json.dumps(raw_reply(played, judged), ensure_ascii=False)}\n")
            self.raw.flush()


def raw_reply(played: Played, judged: Verdict) -> dict[str, object]:
    """Return a reply as one JSON object: the task, the arm, the verdict, and what came."""
    return {
        "task": played.task.prompt,
        "tools": played.task.tool_set,
        "right": [asdict(call.example) for call in played.task.right],
        "arm": played.arm.title,
        **asdict(judged),
        **asdict(played.reply),
    }


if __name__ == "__main__":
    main()
