"""The figures as Markdown, one section for each model."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .arms import ARMS, DIRECT, Arm
from .play import Played
from .replies import Verdict, verdict

COMMAND = "uv run python -m benchmarks.tools"
HEADER = (
    "",
    "valid calls",
    "right calls",
    "calls that do not fit",
    "calls to tools not offered",
    "cut replies",
    "reply, s",
    "added per token, ms",
)


@dataclass(frozen=True, slots=True)
class Score:
    """The figures of one arm."""

    replies: int
    valid: int
    right: int
    invalid: int
    not_offered: int
    cut: int
    seconds: float
    """From the request to the end of its reply, median."""
    added_per_token: float
    """Seconds per token more than the same task took on the engine alone, median of the tasks."""


def score(played: Sequence[Played], arm: Arm) -> Score:
    """Return the figures of an arm that has played the tasks."""
    ours = [one for one in played if one.arm == arm]
    verdicts: list[Verdict] = [verdict(one.task, one.reply) for one in ours]
    alone = {id(one.task): _per_token(one) for one in played if one.arm == DIRECT}
    return Score(
        replies=len(ours),
        valid=sum(one.is_valid for one in verdicts),
        right=sum(one.is_right for one in verdicts),
        invalid=sum(one.invalid for one in verdicts),
        not_offered=sum(one.not_offered for one in verdicts),
        cut=sum(one.is_cut for one in verdicts),
        seconds=statistics.median(one.reply.seconds for one in ours),
        added_per_token=statistics.median(_per_token(one) - alone[id(one.task)] for one in ours),
    )


def section(model: str, played: Sequence[Played], max_tokens: int, machine: str) -> str:
    """Return the text of the page's section about one model."""
    tasks = len({one.task.prompt for one in played})
    lines = [HEADER, ("---", *("---:" for _ in HEADER[1:])), *(_row(arm, score(played, arm)) for arm in ARMS)]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    command = f"{COMMAND} --model {model} --tasks {tasks} --max-tokens {max_tokens} --write"
    return f"`{command}` · {machine} · {tasks} tasks, once per row\n\n{table}\n"


def write_section(page: Path, model: str, text: str) -> None:
    """
    Replace the text between the model's markers of the page.

    Raises:
        ValueError: when the page has no markers for the model.
    """
    begin, end = f"<!-- tools {model}: begin -->", f"<!-- tools {model}: end -->"
    before, found, rest = page.read_text(encoding="utf-8").partition(begin)
    if not found:
        raise ValueError(f"{page} has no marker {begin}")
    _, _, after = rest.partition(end)
    page.write_text(f"{before}{begin}\n\n{text}\n{end}{after}", encoding="utf-8")


def _per_token(played: Played) -> float:
    return played.reply.seconds / max(played.reply.output_tokens, 1)


def _row(arm: Arm, figures: Score) -> tuple[str, ...]:
    return (
        arm.title,
        f"{figures.valid / figures.replies:.0%}",
        f"{figures.right / figures.replies:.0%}",
        str(figures.invalid),
        str(figures.not_offered),
        str(figures.cut),
        f"{figures.seconds:.1f}",
        "" if arm == DIRECT else f"{figures.added_per_token * 1000:+.0f}",
    )
