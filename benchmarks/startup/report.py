"""The figures as a section of the page, with the targets."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from .commands import NOTHING, Cost
from .launches import Launches

BEGIN, END = "<!-- startup: begin -->", "<!-- startup: end -->"
COMMAND = "uv run python -m benchmarks.startup --write"

MAX_COMMAND_SECONDS, MAX_LAUNCH_SECONDS = 0.25, 0.4
"""The targets: for a command that starts nothing, and for what a launch takes more than the client alone."""


def section(commands: Mapping[str, Cost], launches: Launches, rounds: int, machine: str) -> str:
    """Return the section of the page."""
    parts = [
        f"`{COMMAND}` · {machine} · medians of {rounds} rounds",
        "**Commands that start nothing**, in milliseconds.",
        _commands(commands),
        "**From the command to the client's first request**, in milliseconds.",
        _launches(launches),
        "**Targets**",
        _targets(commands, launches),
    ]
    return "\n\n".join(parts) + "\n"


def added_seconds(launches: Launches) -> float:
    """Return what anyclaude adds: the median of the differences, round by round."""
    return statistics.median(
        through - alone for alone, through in zip(launches.alone, launches.through_anyclaude, strict=True)
    )


def write_section(page: Path, text: str) -> None:
    """Put the section between its markers."""
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}")


def _commands(commands: Mapping[str, Cost]) -> str:
    rows = [[f"`{title}`", _milliseconds(cost.wall), _milliseconds(cost.cpu)] for title, cost in commands.items()]
    return _table(["", "time", "CPU"], rows)


def _launches(launches: Launches) -> str:
    rows = [
        ["the client alone", _milliseconds(statistics.median(launches.alone)), ""],
        [
            "`anyclaude -p`",
            _milliseconds(statistics.median(launches.through_anyclaude)),
            _milliseconds(added_seconds(launches)),
        ],
    ]
    return _table(["", "time", "more than alone"], rows)


def _targets(commands: Mapping[str, Cost], launches: Launches) -> str:
    slowest = max(cost.wall for title, cost in commands.items() if title != NOTHING)
    added = added_seconds(launches)
    rows = [
        [
            "every command that starts nothing: ≤ 250 ms",
            f"{_milliseconds(slowest)} ms",
            _met(slowest, MAX_COMMAND_SECONDS),
        ],
        [
            "a launch: ≤ 400 ms more than the client alone",
            f"{_milliseconds(added)} ms",
            _met(added, MAX_LAUNCH_SECONDS),
        ],
    ]
    return _table(["target", "measured", ""], rows)


def _met(seconds: float, limit: float) -> str:
    return "met" if seconds <= limit else "missed"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.0f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
