"""The figures as a section of the page."""

from collections.abc import Sequence
from pathlib import Path

from .play import LIMIT_SECONDS, MOST_SECONDS, Row

BEGIN, END = "<!-- stalls: begin -->", "<!-- stalls: end -->"


def section(rows: Sequence[Row], machine: str, command: str, before: Sequence[Row] = ()) -> str:
    """Return the section; `before` are the rows of an earlier version."""
    header = ["beside", "MB", "its status", "its time, ms", "small ones: median, ms", "p99, ms", "longest, ms"]
    header += [*(["earlier version: longest, ms"] if before else []), ""]
    earlier = {row.name: row for row in before}
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *(_line(row, earlier.get(row.name)) for row in rows)]
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return f"`{command}` · {machine}\n\n{table}\n"


def write_section(page: Path, text: str) -> None:
    """Put the section between its markers."""
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", encoding="utf-8")


def _line(row: Row, before: Row | None) -> list[str]:
    taken = "" if row.attack_seconds is None else _milliseconds(row.attack_seconds)
    verdict = f"over {LIMIT_SECONDS * 1000:.0f}" if row.holds_up_others else ""
    statuses = ", ".join(row.statuses)
    name = row.name.replace("|", "\\|")
    figures = [*map(_milliseconds, row.percentiles), *([_longest(before)] if before else [])]
    return [name, f"{row.size / 1e6:.2f}", statuses, taken, *figures, verdict]


def _longest(row: Row) -> str:
    return f"over {_milliseconds(MOST_SECONDS)}" if row.is_given_up else _milliseconds(max(row.small_seconds))


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.0f}"
