"""The figures as Markdown."""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from .outcome import Outcome

COMMAND = "uv run python -m benchmarks.fix_task"
BEGIN, END = "<!-- fix_task: begin -->", "<!-- fix_task: end -->"
HEADER = ("", "done", "time, s", "turns", "calls", "failed calls", "first prompt, tokens", "why not")


def section(outcomes: Mapping[str, Sequence[Outcome]], model: str, limits: str, machine: str) -> str:
    """Return the text of the page's section."""
    runs = max(len(each) for each in outcomes.values())
    lines = [HEADER, ("---", *("---:" for _ in HEADER[1:-1]), "---"), *(_row(*each) for each in outcomes.items())]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    command = f"{COMMAND} --model {model} --runs {runs} --write"
    return f"`{command}` · {machine} · {limits} · medians\n\n{table}\n"


def write_section(page: Path, text: str) -> None:
    """Replace the text between the markers of the page."""
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", encoding="utf-8")


def _row(title: str, outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    done = sum(one.succeeded for one in outcomes)
    reasons = Counter(one.reason for one in outcomes if not one.succeeded)
    return (
        title,
        f"{done} of {len(outcomes)}",
        f"{statistics.median(one.seconds for one in outcomes):.0f}",
        f"{statistics.median(one.turns for one in outcomes):g}",
        f"{statistics.median(one.calls for one in outcomes):g}",
        f"{statistics.median(one.failed_calls for one in outcomes):g}",
        f"{max(one.prompt_tokens for one in outcomes):,}",
        "; ".join(f"{count} x {reason}" for reason, count in reasons.most_common()).replace("|", "\\|"),
    )
