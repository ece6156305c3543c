"""
A shorter system prompt: the client's own boilerplate is removed unit by unit, and everything else stays to the byte.

A prompt that would not be well-formed afterwards is shortened by a milder diet instead, or not at all.  A prompt
without headings, or without any passage that is known to be the client's, is not changed.
"""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from msgspec.structs import replace

from anyclaude.diet import Diet
from anyclaude.protocol.content import Content, TextBlock
from anyclaude.protocol.identity_cache import IdentityCache
from anyclaude.protocol.messages_request import MessagesRequest, Turn

from .base import PromptContext
from .boilerplate import PASSAGES, REMINDERS, SECTIONS, Passage, Section
from .text_units import LONGEST_SHORTENED, Unit, joined, units_of

MILDER: Mapping[Diet, tuple[Diet, ...]] = MappingProxyType({"lean": ("lean",), "minimal": ("minimal", "lean")})
"""The diets that are tried, one after the other."""


MAX_LEVEL = 6
"""Of headings in Markdown."""

LONGEST_OPENING = max(
    *(len(passage.opening) for passage in (*PASSAGES, *REMINDERS)),
    *(len(opening) for section in SECTIONS for opening in (section.opening, *section.keeps)),
)

_MARKS = re.compile(r"[ \-*\n]*+")


class ShorterSystemPrompt:
    """Removes the passages that a diet does not need from the system prompt and from `system` messages."""

    name = "system prompt"

    def __init__(self) -> None:
        self._shorter_block = IdentityCache(_shorter_block)
        self._shorter_turn = IdentityCache(_shorter_turn)

    def __call__(self, request: MessagesRequest, context: PromptContext, /) -> MessagesRequest:
        """Return the request with shorter system instructions; the system prompt keeps its blocks."""
        diet = context.diet
        if diet not in MILDER:
            return request
        system = self._shorter_content(request.system, diet)
        turns = tuple(self._shorter_turn(turn, diet) if turn.role == "system" else turn for turn in request.messages)
        is_unchanged = system == request.system and turns == request.messages
        return request if is_unchanged else replace(request, system=system, messages=turns)

    def _shorter_content(self, system: Content, diet: Diet) -> Content:
        if isinstance(system, str):
            return shorter(system, diet)
        return tuple(self._shorter_block(block, diet) if isinstance(block, TextBlock) else block for block in system)


def shorter(text: str, diet: Diet) -> str:
    """Return the text without the passages that the diet removes; the whole text if the rest is not well-formed."""
    if len(text) > LONGEST_SHORTENED:
        return text
    units = units_of(text)
    if not any(unit.kind == "heading" for unit in units):
        return text
    for tried in MILDER.get(diet, ()):
        left = _left(units, _diets_within(tried))
        if is_well_formed(left):
            return joined(left)
    return text


def shorter_reminder(text: str, diet: Diet) -> str:
    """Return the text of a `system` message without the passages that the diet removes."""
    diets = _diets_within(diet)
    passages = [passage for passage in REMINDERS if passage.removed_by in diets and passage.opening in text]
    if not passages or len(text) > LONGEST_SHORTENED:
        return text
    units = (_without_passage(unit, passages) for unit in units_of(text))
    left = [unit for unit in units if unit is not None]
    return joined(left) if is_well_formed(left) else text


def is_well_formed(left: Sequence[Unit]) -> bool:
    """
    Return whether the units that are left are still separate units when joined.

    They are not if nothing is left, or if two of them would merge: a paragraph after a removed list, for example.
    """
    text = joined(left)
    return bool(text.strip()) and [unit.text for unit in units_of(text)] == [unit.text for unit in left]


def _shorter_block(block: TextBlock, diet: Diet) -> TextBlock:
    return replace(block, text=shorter(block.text, diet))


def _shorter_turn(turn: Turn, diet: Diet) -> Turn:
    """Shorten a `system` message of the conversation; the user's messages are never changed."""
    if isinstance(turn.content, str):
        return replace(turn, content=shorter_reminder(turn.content, diet))
    blocks = (
        replace(block, text=shorter_reminder(block.text, diet)) if isinstance(block, TextBlock) else block
        for block in turn.content
    )
    return replace(turn, content=tuple(blocks))


def _diets_within(diet: Diet) -> frozenset[Diet]:
    """Return the diets whose removals a diet includes."""
    return frozenset({"lean"} if diet == "lean" else {"lean", "minimal"})


def _left(units: Sequence[Unit], diets: frozenset[Diet]) -> tuple[Unit, ...]:
    """Return the units that stay, without headings under which nothing is left."""
    sections = [section for section in SECTIONS if section.removed_by in diets]
    passages = [passage for passage in PASSAGES if passage.removed_by in diets]
    kept: list[Unit | None] = []
    for unit, section in zip(units, _sections_of(units, sections), strict=True):
        if section is not None and not _begins_with(unit, section.keeps):
            kept.append(None)
        else:
            kept.append(unit if section is not None else _without_passage(unit, passages))
    emptied = {at for at, unit in enumerate(units) if unit.kind == "heading" and _is_emptied(units, kept, at)}
    return _without_gaps(units, [None if at in emptied else unit for at, unit in enumerate(kept)])


def _without_gaps(units: Sequence[Unit], kept: Sequence[Unit | None]) -> tuple[Unit, ...]:
    """Return the kept units; a blank line after a removed unit still separates the units around it."""
    left: list[Unit] = []
    for unit, kept_unit in zip(units, kept, strict=True):
        if kept_unit is not None:
            left.append(kept_unit)
        elif left and (blank := _blank_lines(unit.text)) and not _blank_lines(left[-1].text):
            left[-1] = replace(left[-1], text=left[-1].text + blank)
    return tuple(left)


def _blank_lines(text: str) -> str:
    """Return the blank lines at the end of a text."""
    end = text[len(text.rstrip()) :]
    return end.partition("\n")[2]


def _sections_of(units: Sequence[Unit], sections: Sequence[Section]) -> list[Section | None]:
    """Return for each unit the section with which it is removed; for headings, `None`."""
    inside: list[Section | None] = []
    section, level = None, 0
    last = _last_sections(units)
    for position, unit in enumerate(units):
        if unit.kind == "heading":
            is_inner = section is not None and unit.level > level and unit.title in section.inner
            if not is_inner:
                section = None if position in last else _section_at(units, position, sections)
                level = unit.level
        inside.append(None if unit.kind == "heading" else section)
    return inside


def _last_sections(units: Sequence[Unit]) -> frozenset[int]:
    """Return the headings without one of their level after them: the last sections contain what a user appends."""
    last: set[int] = set()
    highest = MAX_LEVEL + 1
    for position in range(len(units) - 1, -1, -1):
        unit = units[position]
        if unit.kind == "heading" and unit.level < highest:
            last.add(position)
            highest = unit.level
    return frozenset(last)


def _section_at(units: Sequence[Unit], position: int, sections: Sequence[Section]) -> Section | None:
    """Return the section that begins here."""
    title, body = units[position].title, units[position + 1 : position + 2]
    if not body:
        return None
    candidates = (section for section in sections if section.title == title)
    return next((section for section in candidates if _begins_with(body[0], (section.opening,))), None)


def _without_passage(unit: Unit, passages: Sequence[Passage]) -> Unit | None:
    if unit.kind == "heading":
        return unit
    beginning = _beginning(unit)
    passage = next((passage for passage in passages if beginning.startswith(passage.opening)), None)
    if passage is None:
        return unit
    if passage.until is None:
        return None
    rule, found, _ = unit.text.partition(passage.until)
    blank = unit.text[len(unit.text.rstrip()) :]
    return replace(unit, text=rule + found + blank) if found else unit


def _begins_with(unit: Unit, openings: tuple[str, ...]) -> bool:
    return _beginning(unit).startswith(openings) if openings else False


def _beginning(unit: Unit) -> str:
    """Return what a unit begins with, without marks: as much as the longest opening has."""
    marks = _MARKS.match(unit.text)
    start = marks.end() if marks else 0
    return unit.text[start : start + LONGEST_OPENING]


def _is_emptied(units: Sequence[Unit], kept: Sequence[Unit | None], position: int) -> bool:
    """Return whether there were units under a heading and all of them were removed."""
    level = units[position].level
    body: list[Unit | None] = []
    for at in range(position + 1, len(units)):
        if units[at].kind == "heading" and units[at].level <= level:
            break
        body += [] if units[at].kind == "heading" else [kept[at]]
    return bool(body) and not any(body)
