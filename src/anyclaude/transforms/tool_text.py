"""
Shorter descriptions of tools, and schemas without annotations.

A shortened description keeps its beginning and its statements about the parameters; every kept sentence is unchanged,
under its own heading.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import chain
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from anyclaude.diet import Diet
from anyclaude.protocol.identity_cache import IdentityCache
from anyclaude.protocol.messages_request import MessagesRequest, Tool

from .base import PromptContext
from .plain_schema import plain_schema
from .text_units import LONGEST_SHORTENED, Unit, first_sentences, units_of


class Bounds(Struct, frozen=True):
    """The maximum number of characters of a tool's description, and of the description of one parameter."""

    tool: int
    parameter: int


BOUNDS: Mapping[Diet, Bounds] = MappingProxyType({"lean": Bounds(1_000, 120), "minimal": Bounds(400, 80)})
"""
`lean` shortens three of the nine tools that Claude Code 2.1.332 then has (Agent, Bash and Skill), and the long
descriptions of 2.1.112: Bash 9,989 characters, TodoWrite 9,114, Agent 6,839.  With fewer than 900 characters, Bash
would not say that a `cd` and variables do not persist.  `minimal` is for the four tools that remain with that diet:
with 400 characters, Qwen2.5-Coder-0.5B called them as rightly as with 1,300 (`docs/diets.md`).
"""


MAX_RULE_CHARACTERS = 500
"""A longer unit that names a parameter is more often an example than a rule about it."""


class ShorterTools:
    """Shortens descriptions to the diet's bounds, and removes annotations; without bounds (`full`) changes nothing."""

    name = "tool text"

    def __init__(self, bounds: Mapping[Diet, Bounds] = BOUNDS) -> None:
        self._bounds = bounds
        self._shorter = IdentityCache(_shorter)

    def __call__(self, request: MessagesRequest, context: PromptContext, /) -> MessagesRequest:
        """Return the request with the same tools, each accepting the same inputs."""
        bounds = self._bounds.get(context.diet)
        if bounds is None:
            return request
        tools = tuple(self._shorter(tool, bounds) for tool in request.tools)
        return request if tools == request.tools else replace(request, tools=tools)


def shortened(description: str, limit: int, parameters: tuple[str, ...]) -> str:
    """Return a description of at most `limit` characters, or its first sentence if that alone is longer."""
    if len(description) <= limit or len(description) > LONGEST_SHORTENED:
        return description
    units = units_of(description)
    first = first_sentences(units[0].text.rstrip(), limit)
    if len(first) < len(units[0].text.rstrip()):
        return first
    kept = _chosen(units, limit, _Names(parameters))
    return "".join(units[position].text for position in sorted(kept)).rstrip()


def _shorter(tool: Tool, bounds: Bounds) -> Tool:
    if tool.input_schema is None:
        return tool
    properties = tool.input_schema.get("properties")
    parameters = tuple(properties) if isinstance(properties, Mapping) else ()
    return replace(
        tool,
        description=shortened(tool.description, bounds.tool, parameters),
        input_schema=plain_schema(tool.input_schema, bounds.parameter),
    )


def _chosen(units: Sequence[Unit], limit: int, names: "_Names") -> set[int]:
    """Choose units from the top up to half of the limit, then the rules about parameters, then more from the top."""
    short = (at for at, unit in enumerate(units) if len(unit.text) <= MAX_RULE_CHARACTERS)
    rules = [at for at in short if names.are_in(units[at].text)]
    choice = _Choice(units)
    choice.add_from_the_top(limit // 2)
    for position in rules:
        choice.add(position, limit)
    choice.add_from_the_top(limit)
    return {at for at in choice.kept if not _introduces_nothing(units, at, choice.kept)}


class _Choice:
    """The units that are kept, with the first."""

    def __init__(self, units: Sequence[Unit]) -> None:
        self.kept = {0}
        self._units = units
        self._owners = _owners(units)
        self._characters = len(units[0].text)

    def add_from_the_top(self, limit: int) -> None:
        """Add units in their order until one does not fit; a heading is added with a unit under it."""
        for position, unit in enumerate(self._units):
            if unit.kind != "heading" and position not in self.kept and not self.add(position, limit):
                break

    def add(self, position: int, limit: int) -> bool:
        """
        Add a unit together with the units it depends on; return whether they fit.

        `1. A single task` means the opposite under `When not to use`.
        """
        added = {position, *self._owners[position]} - self.kept
        characters = self._characters + sum(len(self._units[at].text) for at in added)
        if characters > limit:
            return False
        self.kept |= added
        self._characters = characters
        return True


def _introduces_nothing(units: Sequence[Unit], position: int, kept: set[int]) -> bool:
    """Return whether a unit introduces a list of which no item is kept."""
    following = position + 1
    introduces = units[position].text.rstrip().endswith(":") and units[position].kind == "paragraph"
    while following < len(units) and units[following].kind == "item":
        if following in kept:
            return False
        following += 1
    return introduces and following > position + 1


def _owners(units: Sequence[Unit]) -> list[tuple[int, ...]]:
    """Return for each unit the headings above it, and the paragraph that introduces its list."""
    owners: list[tuple[int, ...]] = []
    above: tuple[int, ...] = ()
    introduction: tuple[int, ...] = ()
    for at, unit in enumerate(units):
        if unit.kind == "heading":
            above = tuple(heading for heading in above if units[heading].level < unit.level)
        owners.append((*above, *introduction) if unit.kind == "item" else above)
        if unit.kind == "heading":
            above = (*above, at)
        if unit.kind != "item":
            introduces = unit.kind == "paragraph" and unit.text.rstrip().endswith(":")
            introduction = (at,) if introduces else ()
    return owners


class _Names:
    """The names of parameters: in backticks, or spelled unlike any word (`old_string`, `oldString`)."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = frozenset(names)
        self._unlike_words = frozenset(name for name in names if "_" in name or _HUMP.search(name))

    def are_in(self, text: str) -> bool:
        """Return whether a text has one of them; looks at each word once, however many names there are."""
        if not self._names.isdisjoint(text.split("`")[1:-1]):
            return True
        words = chain(_WORD.findall(text), (name.strip(".-") for name in _NAME.findall(text)))
        return not self._unlike_words.isdisjoint(words)


_HUMP = re.compile(r"[a-z][A-Z]")
_WORD = re.compile(r"\w+")
_NAME = re.compile(r"[\w.\-]+")
"""What the names of parameters consist of: Anthropic's API takes no other characters (docs: "Tool use", errors)."""
