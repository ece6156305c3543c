"""The figures as a section of the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .judgement import Faults

BEGIN, END = "<!-- plain answers: begin -->", "<!-- plain answers: end -->"
COMMAND = "uv run python -m benchmarks.plain_answers --write"
HEAD = ("model", "template", "begin like code", "contain a marker", "repeat themselves", "did not end", "empty")


@dataclass(frozen=True, slots=True)
class Comparison:
    """The faults of one model's answers with its own template and with ours."""

    model: str
    own: Faults
    ours: Faults


def section(comparisons: Sequence[Comparison], questions: int, max_tokens: int, machine: str) -> str:
    """Return the section of the page."""
    rows = [
        row
        for compared in comparisons
        for row in (_row(compared.model, "its own", compared.own), _row(compared.model, "ours", compared.ours))
    ]
    targets = [
        [
            f"{compared.model}: no more faults than with its own template",
            f"{compared.ours.total} against {compared.own.total}",
            "met" if compared.ours.total <= compared.own.total else "missed",
        ]
        for compared in comparisons
    ]
    parts = (
        f"`{COMMAND}` · {machine} · {questions} questions, temperature 0, at most {max_tokens} tokens",
        _table(HEAD, rows, labels=2),
        "**Targets**",
        _table(("target", "measured", ""), targets, labels=1),
    )
    return "\n\n".join(parts) + "\n"


def write_section(page: Path, text: str) -> None:
    """Put the section between its markers."""
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", encoding="utf-8")


def _row(model: str, template: str, faults: Faults) -> list[str]:
    figures = (
        faults.begins_like_code,
        faults.contains_a_marker,
        faults.repeats_itself,
        faults.did_not_end,
        faults.is_empty,
    )
    return [model, template, *map(str, figures)]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], labels: int) -> str:
    lines = [head, [*["---"] * labels, *["---:"] * (len(head) - labels)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
