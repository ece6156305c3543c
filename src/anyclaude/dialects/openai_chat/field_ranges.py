"""Read from a refusal the range of values that a server accepts."""

import re
from typing import TypeAlias

NUMBER = r"(-?\d[\d,_]*(?:\.\d+)?)"

Range: TypeAlias = tuple[float | None, float | None]
"""The lowest and the highest value, both included; `None` where the refusal states no such end."""

JUST_INSIDE = 0.01
"""The distance from an end that is not included itself, for a number that is not whole: `temperature` over 0."""

BOTH_ENDS = (
    re.compile(rf"[\[(]\s*{NUMBER}\s*,\s*{NUMBER}\s*[\])]"),
    re.compile(rf"(?:between|from|range(?: of| is)?:?)\s+{NUMBER}\s*(?:and|to|-|\.\.+|~)\s*{NUMBER}", re.IGNORECASE),
    re.compile(rf"{NUMBER}\s*<=?\s*[`'\"]?\w+[`'\"]?\s*<=?\s*{NUMBER}"),
)

HIGHEST = re.compile(
    r"(?:less than or equal to|no (?:more|greater|larger) than|not (?:exceed|be (?:more|greater|larger) than)|<=|≤"
    r"|at most|up to|below or equal to|cannot exceed|exceeds?(?: the)?(?: \w+){0,3}(?: of)?"
    r"|(?:maximum|max|limit|highest)"
    r"(?: (?:allowed|value|length|number|of|is|are|items|(?:output |completion )?tokens))*"
    r"(?: of| is|:|=)?)"
    rf"\s*[`'\"(]?{NUMBER}",
    re.IGNORECASE,
)
HIGHEST_BEFORE = re.compile(rf">\s*{NUMBER}\s*,?\s*which is the maximum|{NUMBER}\s+(?:is the )?maximum", re.IGNORECASE)
BELOW = re.compile(rf"(?:less than|smaller than|lower than|below|must be <|under)\s*[`'\"(]?{NUMBER}", re.IGNORECASE)
LOWEST = re.compile(
    r"(?:greater than or equal to|no (?:less|fewer|smaller) than|>=|≥|at least|minimum(?: \w+)?(?: of| is|:)?"
    rf"|not be (?:less|smaller) than)\s*[`'\"(]?{NUMBER}",
    re.IGNORECASE,
)
ABOVE = re.compile(
    rf"(?:greater than|larger than|more than|above|must be >)\s*[`'\"(]?{NUMBER}"
    r"|strictly positive|positive (?:number|value|float)",
    re.IGNORECASE,
)


def range_in(words: str) -> Range | None:
    """Return the range that the words of a refusal state, `None` if they state none."""
    for pattern in BOTH_ENDS:
        if (found := pattern.search(words)) and _number(found[1]) <= _number(found[2]):
            return _number(found[1]), _number(found[2])
    highest = _first(HIGHEST, words)
    if highest is None:
        highest = _first(HIGHEST_BEFORE, words)
    if highest is None and (below := _first(BELOW, words)) is not None:
        highest = below - _step(below)
    lowest = _first(LOWEST, words)
    if lowest is None and (found := ABOVE.search(words)):
        above = _number(found[1] or "0")
        lowest = above + (JUST_INSIDE if above < 1 else 1)
    return None if highest is None and lowest is None else (lowest, highest)


def _first(pattern: re.Pattern[str], words: str) -> float | None:
    found = pattern.search(words)
    return None if found is None else _number(next(group for group in found.groups() if group))


def _number(text: str) -> float:
    return float(text.replace(",", "").replace("_", "").rstrip("."))


def _step(end: float) -> float:
    """Return the distance to the next value inside: of whole numbers 1, of shares and temperatures little."""
    return JUST_INSIDE if end <= 2 else 1
