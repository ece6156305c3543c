"""The matrix in `docs/backends.md`: what is shown of each server, and by what kind of test."""

from collections.abc import Mapping
from pathlib import Path

from .capabilities import CAPABILITIES, CapabilityName
from .claims import Claims
from .scripted_kinds import KINDS
from .servers import SERVERS

PAGE = Path(__file__).parents[2] / "docs" / "backends.md"
BEGIN = "<!-- The matrix, made by `uv run python -m tests.real_servers matrix` -->\n"
END = "<!-- End of the matrix -->\n"

UNKNOWN = ""
"""The cell of which no test shows anything."""


def matrix(claims: Claims) -> str:
    """Return the table, and the reasons for what cannot be."""
    columns: Mapping[str, Mapping[CapabilityName, str]] = {
        **{server.name: server.cannot for server in SERVERS},
        **{kind.title: kind.cannot for kind in KINDS},
    }
    reasons: list[str] = []
    lines = [f"| | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    for name, title in CAPABILITIES.items():
        cells = [_cell(claims, column, name, cannot, reasons) for column, cannot in columns.items()]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    lines += ["", *(f"{number}. {reason}" for number, reason in enumerate(reasons, 1))]
    return "\n".join(lines) + "\n"


def page_with(section: str, page: str) -> str:
    """Return the page with the matrix replaced."""
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n{section}\n{END}{rest.split(END)[1]}"


def _cell(
    claims: Claims, column: str, name: CapabilityName, cannot: Mapping[CapabilityName, str], reasons: list[str]
) -> str:
    if name in cannot:
        reason = f"{cannot[name][0].upper()}{cannot[name][1:]}."
        if reason not in reasons:
            reasons.append(reason)
        return f"unsupported ({reasons.index(reason) + 1})"
    shown = claims.get((column, name), set())
    if "real" in shown:
        return "**real**"
    return "scripted" if shown else UNKNOWN
