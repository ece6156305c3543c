"""
Shorter descriptions of tools, and schemas without annotations.

A shortened description keeps its beginning and its statements about the parameters; every kept sentence is unchanged,
under its own heading.
"""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from anyclaude.diet import Diet
from anyclaude.protocol.identity_cache import IdentityCache
from anyclaude.protocol.messages_request import MessagesRequest, Tool

from .base import PromptContext
from .plain_schema import plain_schema
from .text_units import Unit, first_sentences, units_of


class Bounds(Struct, frozen=True):
    """The maximum number of characters of a tool's description, and of the description of one parameter."""

    tool: int
    parameter: int


BOUNDS: Mapping[Diet, Bounds] = MappingProxyType({"lean": Bounds(1_300, 250), "minimal": Bounds(800, 120)})
"""`lean` shortens two of the ten tools that Claude Code 2.1.330 then has, and the long descriptions of 2.1.112: Bash
9,989 characters, TodoWrite 9,114, Agent 6,839.  `minimal` is for the four tools that remain with that diet."""


MAX_RULE_CHARACTERS = 500
"""A longer unit that names a parameter is more often an example than a rule about it."""


class ShorterTools:
    """Shortens descriptions to the diet's bounds, and removes annotations; without bounds (`full`) changes nothing."""

    name = "tool text"

    def __init__(self) -> None:
        self._shorter = IdentityCache(_shorter)

    def __call__(self, request: MessagesRequest, context: PromptContext, /) -> MessagesRequest:
        """Return the request with the same tools, each accepting the same inputs."""
        bounds = BOUNDS.get(context.diet)
        if bounds is None:
            return request
        tools = tuple(self._shorter(tool, bounds) for tool in request.tools)
        return request if tools == request.tools else replace(request, tools=tools)


def shortened(description: str, limit: int, parameters: tuple[str, ...]) -> str:
    """Return a description of at most `limit` characters, or its first sentence if that alone is longer."""
    if len(description) <= limit:
        return description
    units = units_of(description)
    first = first_sentences(units[0].text.rstrip(), limit)
    if len(first) < len(units[0].text.rstrip()):
        return first
    kept = _chosen(units, limit, _mentions(parameters))
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


def _chosen(units: Sequence[Unit], limit: int, mentions: re.Pattern[str] | None) -> set[int]:
    """Choose units from the top up to half of the limit, then the rules about parameters, then more from the top."""
    short = (at for at, unit in enumerate(units) if len(unit.text) <= MAX_RULE_CHARACTERS)
    rules = [at for at in short if mentions and mentions.search(units[at].text)]
    kept = _from_the_top(units, {0}, limit // 2)
    for position in rules:
        kept = _with_owners(units, position, kept, limit) or kept
    kept = _from_the_top(units, kept, limit)
    return {at for at in kept if not _introduces_nothing(units, at, kept)}


def _from_the_top(units: Sequence[Unit], kept: set[int], limit: int) -> set[int]:
    """Add units in their order until one does not fit; a heading is added with a unit under it."""
    for position, unit in enumerate(units):
        if unit.kind == "heading" or position in kept:
            continue
        wider = _with_owners(units, position, kept, limit)
        if wider is None:
            break
        kept = wider
    return kept


def _with_owners(units: Sequence[Unit], position: int, kept: set[int], limit: int) -> set[int] | None:
    """
    Add a unit together with the units it depends on; `None` if that exceeds the limit.

    `1. A single task` means the opposite under `When not to use`.
    """
    wider = kept | {position} | _owners(units, position)
    return wider if sum(len(units[at].text) for at in wider) <= limit else None


def _introduces_nothing(units: Sequence[Unit], position: int, kept: set[int]) -> bool:
    """Return whether a unit introduces a list of which no item is kept."""
    following = position + 1
    introduces = units[position].text.rstrip().endswith(":") and units[position].kind == "paragraph"
    while following < len(units) and units[following].kind == "item":
        if following in kept:
            return False
        following += 1
    return introduces and following > position + 1


def _owners(units: Sequence[Unit], position: int) -> set[int]:
    """Return the headings above a unit, and the paragraph that introduces its list."""
    owners: set[int] = set()
    level = units[position].level or 7
    in_list = units[position].kind == "item"
    for at in range(position - 1, -1, -1):
        unit = units[at]
        if unit.kind == "heading" and unit.level < level:
            owners.add(at)
            level = unit.level
        elif in_list and unit.kind == "paragraph":
            owners |= {at} if unit.text.rstrip().endswith(":") else set()
        in_list = in_list and unit.kind == "item"
    return owners


def _mentions(parameters: Sequence[str]) -> re.Pattern[str] | None:
    """Return a pattern for parameter names: in backticks, or spelled unlike any word (`old_string`, `oldString`)."""
    names = [rf"`{re.escape(name)}`" for name in parameters]
    names += [rf"\b{re.escape(name)}\b" for name in parameters if "_" in name or re.search(r"[a-z][A-Z]", name)]
    return re.compile("|".join(names)) if names else None
