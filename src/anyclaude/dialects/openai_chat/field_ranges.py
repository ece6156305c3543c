"""Read from a refusal the range of values that a server accepts, or the list of them."""

import re
from typing import TypeAlias

NUMBER = r"(-?\d[\d,_]*(?:\.\d+)?)(?!\.?\d)"

Range: TypeAlias = tuple[float | None, float | None]
"""The lowest and the highest value, both included; `None` where the refusal states no such end."""

JUST_INSIDE = 0.01
"""The distance from an end that is not included itself, for a number that is not whole: `temperature` over 0."""

BOTH_ENDS = (
    re.compile(rf"(?P<open>[\[(])\s*{NUMBER}\s*,\s*{NUMBER}\s*(?P<close>[\])])"),
    re.compile(
        rf"(?:between|from|range(?: of| is)?:?)\s+{NUMBER}(?P<open> \(exclusive)?(?: \(inclusive)?\)?"
        rf"\s*(?:and|to|-|\.\.+|~)\s*{NUMBER}(?P<close> \(exclusive)?",
        re.IGNORECASE,
    ),
    re.compile(rf"{NUMBER}\s*(?P<open><)=?\s*[`'\"]?\w+[`'\"]?\s*(?P<close><)=?\s*{NUMBER}"),
    re.compile(rf"(?P<open>>)=?\s*{NUMBER}\s*(?:and|,|&&)\s*(?P<close><)=?\s*{NUMBER}"),
)
"""An end is open, not included, behind `(`, `<`, `>` without `=`, and where the words say exclusive."""

_WORDS = r"(?: [a-z_]+){0,3}"

HIGHEST = re.compile(
    r"(?:less (?:than )?or equal to|no (?:more|greater|larger) than|not (?:exceed|be (?:more|greater|larger) than)|<=|≤"
    rf"|at most|up to|below or equal to|cannot exceed|exceeds?(?: the)?{_WORDS}"
    r"|(?:maximum|max|limit|highest)"
    r"(?: (?:allowed|supported|value|length|size|number|of|is|are|items|output|completion|tokens|for|this|the|model))*"
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

_ITEM = r"[`'\"]*[a-z][a-z_]*[`'\"]*"
_LISTED = re.compile(
    r"\b(?:one of|(?:valid|supported|allowed|accepted|permitted|possible|available) (?:values|levels|options|efforts)"
    r"|(?:must be|should be|expected|permitted|only supports?|can only be|restricted to)(?! one of))"
    r"(?: (?:are|is|the following|either|values?|set to))*:?[\s\[({]*"
    rf"({_ITEM}(?:(?:\s*(?:,|\||/|\bor\b|\band\b))+\s*{_ITEM})*)",
    re.IGNORECASE,
)


def range_in(words: str) -> Range | None:
    """Return the range that the words of a refusal state, `None` if they state none."""
    for pattern in BOTH_ENDS:
        if (found := pattern.search(words)) and (ends := _inside(found)):
            return ends
    highest, rest = _taken(HIGHEST, words)
    if highest is None:
        highest, rest = _taken(HIGHEST_BEFORE, rest)
    lowest, rest = _taken(LOWEST, rest)
    if highest is None and (below := _taken(BELOW, rest)[0]) is not None:
        highest = below - _step(below)
    if lowest is None and (found := ABOVE.search(rest)):
        above = _number(found[1] or "0")
        lowest = above + (JUST_INSIDE if above < 1 else 1)
    if highest is not None and lowest is not None and lowest > highest:
        return None
    return None if highest is None and lowest is None else (lowest, highest)


def values_in(words: str) -> tuple[str, ...]:
    """Return the words that a refusal lists as the values of a field, in its order; empty if it lists none."""
    for found in _LISTED.finditer(words):
        items = [item.strip("`'\"") for item in re.findall(_ITEM, found[1], re.IGNORECASE)]
        values = tuple(dict.fromkeys(item for item in items if item not in ("and", "or")))
        if values:
            return values
    return ()


def _inside(found: re.Match[str]) -> Range | None:
    """Return a range with its ends moved inside where they are open, `None` if nothing is between them."""
    first, last = (_number(group) for group in found.groups() if group and group.lstrip("-")[0].isdigit())
    step = 1 if last - first > 2 else JUST_INSIDE
    lowest = first + step if _is_open(found, "open") else first
    highest = last - step if _is_open(found, "close") else last
    return (lowest, highest) if lowest <= highest else None


def _is_open(found: re.Match[str], end: str) -> bool:
    """Return whether an end is not included: behind `(`, or compared without `=`."""
    return found[end] not in (None, "[", "]") and found.string[found.end(end) : found.end(end) + 1] != "="


def _taken(pattern: re.Pattern[str], words: str) -> tuple[float | None, str]:
    """Return the number of a pattern, and the words without what matched: `not greater than` is no lowest end."""
    found = pattern.search(words)
    if found is None:
        return None, words
    number = _number(next(group for group in found.groups() if group))
    return number, words[: found.start()] + words[found.end() :]


def _number(text: str) -> float:
    return float(text.replace(",", "").replace("_", "").rstrip("."))


def _step(end: float) -> float:
    """Return the distance to the next value inside: of whole numbers 1, of shares and temperatures little."""
    return JUST_INSIDE if end <= 2 else 1
