"""The figures as a section of the page."""

from collections.abc import Sequence
from pathlib import Path

from .measures import MEBIBYTE, REQUEST_MULTIPLE, Measures, Row

BEGIN, END = "<!-- memory: begin -->", "<!-- memory: end -->"
COMMAND = "uv run python -m benchmarks.memory"


def section(measures: Measures, machine: str, arguments: Sequence[str] = (), before: Measures | None = None) -> str:
    """Return the section of the page; `arguments` are those of the command, `before` what an earlier version took."""
    limit = (
        f"Resident before the first attack: {_mebibytes(measures.base)} MiB; allowed: {_mebibytes(measures.allowed)} "
        f"MiB, which is that, the budget of {_mebibytes(measures.budget)} MiB, and {REQUEST_MULTIPLE} times the "
        "largest request."
    )
    return "\n\n".join([f"`{' '.join([COMMAND, *arguments])}` · {machine}", limit, _rows(measures, before)]) + "\n"


def write_section(page: Path, text: str) -> None:
    """Put the section between its markers."""
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}")


def _rows(measures: Measures, before: Measures | None) -> str:
    earlier = {row.title: row for row in before.rows} if before else {}
    rows = [
        [
            row.title,
            _answers(row),
            *map(_mebibytes, (row.before, row.peak, row.after, sum(row.kept.values()))),
            f"{row.dropped:,}",
            f"{row.refused:,}",
            *([_answers(earlier[row.title]), _mebibytes(earlier[row.title].peak)] if before else []),
            "more than allowed" if row in measures.broken else "",
        ]
        for row in measures.rows
    ]
    header = [
        *("", "answers", "before, MiB", "peak, MiB", "after, MiB", "kept by its account, MiB", "dropped", "refused"),
        *(["earlier version: answers", "its peak, MiB"] if before else []),
        "",
    ]
    return _table(header, rows)


def _answers(row: Row) -> str:
    return ", ".join(f"{count:,} x {answer}" for answer, count in sorted(row.answers.items()))


def _mebibytes(size: int) -> str:
    return f"{size / MEBIBYTE:,.0f}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
