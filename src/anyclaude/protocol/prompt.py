"""
A prompt as the model reads it, and where two of them part.

An engine's cache matches from the front, so of two prompts only the first difference matters: all that stands
behind it has to be evaluated again.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

Section: TypeAlias = Literal["tools", "system", "messages"]

SECTIONS: tuple[Section, ...] = ("tools", "system", "messages")
"""In the order of Anthropic's API and of our own chat templates.  Others say the system prompt first; that matters only
where both have changed, to which of them is named, and to what two conversations are thought to share."""

Change: TypeAlias = Literal["changed", "added", "removed", "moved"]
"""What became of the first piece that is not what it was; `moved`: both prompts have it, in other places."""


class PromptPart(Struct, frozen=True):
    """A part with a name of its own: the system prompt, a tool, or a message; `name` is the tool's, or the role."""

    section: Section
    name: str
    text: str


class Prompt(Struct, frozen=True):
    """
    What a model is given to read, in its order.

    `settings` are the other fields of the request that may shape the prompt, as text to be compared.
    """

    model: str
    parts: tuple[PromptPart, ...]
    settings: str = ""

    @property
    def characters(self) -> int:
        """How long all of it is."""
        return sum(len(part.text) for part in self.parts)


class Difference(Struct, frozen=True):
    """
    The first difference of two prompts.

    `number` counts the pieces of the section from 1, `name` is the tool or the role as it is now, or was if it is
    gone.  `was` and `now` are the whole pieces, which are the same up to `offset`, and empty where the section had no
    such piece; `characters` counts what the prompts have in common before the difference.
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
    """Return where `now` ceases to go on as `before` did; `None` if all of `before` stands at its beginning."""
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
    placed = was if change == "removed" or became is None else became
    return Difference(
        section=placed.section,
        number=1 + sum(part.section == placed.section for part in now.parts[:at]),
        name=placed.name,
        change=change,
        characters=sum(len(part.text) for part in now.parts[:at]) + offset,
        offset=offset,
        was=was.text if was.section == placed.section else "",
        now=became.text if became is not None and became.section == placed.section else "",
    )


def characters_in_common(one: str, other: str) -> int:
    """Return how many characters two texts begin with in common; by halves, since comparing slices is what is fast."""
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
