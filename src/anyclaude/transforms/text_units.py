"""
Text divided into units: headings, list items and paragraphs, each with the blank lines that follow it.

The units of a text, joined, are the text, so removing some leaves the others unchanged to the byte.
"""

import re
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

LONGEST_SHORTENED = 100_000
"""Characters of a text that is shortened: the client's own have a third of it, and to divide one takes 10 us a line."""


class Unit(Struct, frozen=True):
    """One unit; `level` is the number of `#` of a heading, and 0 for everything else."""

    kind: Literal["heading", "item", "paragraph"]
    text: str
    level: int = 0

    @property
    def title(self) -> str:
        """The text of a heading."""
        return self.text.strip().lstrip("#").strip()


_HEADING = re.compile(r"(#{1,6})[ \t]++\S")
_ITEM = re.compile(r" ?(?:[-*+]|\d{1,3}[.)])[ \t]")
"""Not indented further than Claude Code indents its items; a line that is belongs to the item above."""
_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})")
_SENTENCE_END = re.compile(r"[.!?][\"')\]`]*(?=\s)")


def units_of(text: str) -> tuple[Unit, ...]:
    """Return the units of a text; no unit begins inside a code fence."""
    units: list[list[str]] = []
    fence: str | None = None
    is_heading = False
    for line in text.splitlines(keepends=True):
        if fence is None and (is_heading or _begins_unit(line, units)) and (line.strip() or not units):
            units.append([])
            is_heading = _HEADING.match(line) is not None
        units[-1].append(line)
        fence = _fence_after(line, fence)
    return tuple(_unit("".join(lines)) for lines in units)


def joined(units: Sequence[Unit]) -> str:
    """Return the text that the units make up."""
    return "".join(unit.text for unit in units)


def first_sentences(text: str, limit: int) -> str:
    """Return the whole sentences that fit into `limit` characters, and the first one in any case."""
    if len(text) <= limit:
        return text
    end = 0
    for match in _SENTENCE_END.finditer(text):
        if end and match.end() > limit:
            break
        end = match.end()
    return text[:end] if end else text


def _begins_unit(line: str, units: Sequence[Sequence[str]]) -> bool:
    if not units:
        return True
    if not line.strip():
        return False
    if _HEADING.match(line) or _ITEM.match(line):
        return True
    is_indented = line.startswith(("  ", "\t"))
    return not units[-1][-1].strip() and not (is_indented and _ITEM.match(units[-1][0]))


def _fence_after(line: str, fence: str | None) -> str | None:
    """Return the fence that is open after this line."""
    found = _FENCE.match(line)
    if found is None:
        return fence
    if fence is None:
        return found[1]
    closes = found[1].startswith(fence) and not line.strip().strip(fence[0])
    return None if closes else fence


def _unit(text: str) -> Unit:
    if heading := _HEADING.match(text):
        return Unit("heading", text, len(heading[1]))
    return Unit("item" if _ITEM.match(text) else "paragraph", text)
