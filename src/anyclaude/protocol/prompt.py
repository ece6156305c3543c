"""
A prompt as the model reads it, and the first difference of two prompts.

An engine's cache matches prefixes, so only the first difference of two prompts matters: everything after it has to
be evaluated again.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

Section: TypeAlias = Literal["tools", "system", "messages"]

SECTIONS: tuple[Section, ...] = ("tools", "system", "messages")
"""In the order of Anthropic's API and of our own chat templates.  Other templates put the system prompt first; the
order matters only to which section is named where both have changed, and to the prefix that two conversations are
thought to share."""

Change: TypeAlias = Literal["changed", "added", "removed", "moved"]
"""What happened to the first part that differs; `moved`: both prompts have it, in different places."""


class PromptPart(Struct, frozen=True):
    """The system prompt, a tool, or a message; `name` is the tool's name or the message's role."""

    section: Section
    name: str
    text: str


class Prompt(Struct, frozen=True):
    """
    What a model reads, in order.

    `settings` are the other fields of the request that can affect the prompt, as text to compare.
    """

    model: str
    parts: tuple[PromptPart, ...]
    settings: str = ""

    @property
    def characters(self) -> int:
        """The number of characters in all parts."""
        return sum(len(part.text) for part in self.parts)


class Difference(Struct, frozen=True):
    """
    The first difference of two prompts.

    `number` counts the parts of the section from 1; `name` is the tool or the role in the later prompt, or in the
    earlier one if the part was removed.  `was` and `now` are the whole parts, which are equal up to `offset`, and
    empty where the section has no such part; `characters` is the length of the prompts' common prefix.
    """

    section: Section
    number: int
    name: str
    change: Change
    characters: int
    offset: int
    was: str
    now: str


def first_difference(before: Prompt, now: Prompt) -> Difference | None:
    """Return the first difference of `now` from `before`; `None` if `now` begins with all of `before`."""
    at = _parts_in_common(before.parts, now.parts)
    if at == len(before.parts):
        return None
    was = before.parts[at]
    became = now.parts[at] if at < len(now.parts) else None
    offset = 0
    if became is not None and (was.section, was.name) == (became.section, became.name):
        offset = characters_in_common(was.text, became.text)
        if offset == len(was.text) and at == len(before.parts) - 1:
            return None  # the last message has grown: neighbouring turns of the user are one message
    change = _change(was, became, before, now)
    named = was if change == "removed" or became is None else became
    return Difference(
        section=named.section,
        number=1 + sum(part.section == named.section for part in now.parts[:at]),
        name=named.name,
        change=change,
        characters=sum(len(part.text) for part in now.parts[:at]) + offset,
        offset=offset,
        was=was.text if was.section == named.section else "",
        now=became.text if became is not None and became.section == named.section else "",
    )


def characters_in_common(one: str, other: str) -> int:
    """Return the length of the common prefix of two texts; a binary search, because comparing slices is fast."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _parts_in_common(before: Sequence[PromptPart], now: Sequence[PromptPart]) -> int:
    pairs = enumerate(zip(before, now, strict=False))
    return next((at for at, (was, became) in pairs if was != became), min(len(before), len(now)))


def _change(was: PromptPart, became: PromptPart | None, before: Prompt, now: Prompt) -> Change:
    if became is None:
        return "removed"
    if was.section != became.section:
        return "removed" if SECTIONS.index(was.section) < SECTIONS.index(became.section) else "added"
    if was.section != "tools" or was.name == became.name:
        return "changed"
    if became.name not in _tool_names(before):
        return "added"
    return "moved" if was.name in _tool_names(now) else "removed"


def _tool_names(prompt: Prompt) -> set[str]:
    return {part.name for part in prompt.parts if part.section == "tools"}
