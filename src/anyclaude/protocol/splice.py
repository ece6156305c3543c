"""
Joining a second attempt at a reply to the first, or finding out that they do not fit.

The second attempt repeats what the client already has, from the beginning or from a point near the
end.  Every repeated character is compared, and only what follows is passed on.  A splice that
cannot be shown to be right is refused: a reply with repeated or missing characters is worse than
one that breaks off.
"""

from collections.abc import Iterable
from typing import TypeAlias

from .deltas import Delta, Finished, TextDelta, ThinkingDelta, ToolCallDelta, UsageReported

Kind: TypeAlias = tuple[str, int]
"""What a text is part of, and for tool calls which one."""


ALONGSIDE = frozenset({"written", "raw_arguments"})
"""The kinds that come alongside a call's arguments."""


class Diverged(ValueError):
    """The second attempt differs from the first."""


class Splice:
    """
    Takes the deltas of the second attempt and returns those the client does not have yet.

    `received` is what came of the first attempt, from the point where the second one begins.  Fragments
    are compared by the characters they add up to, so the attempts may be divided differently; the name
    of a tool counts once and as a whole, because servers repeat it.  The written form of a call and its
    raw arguments come alongside its arguments in no fixed order, so each is compared separately.
    """

    def __init__(self, received: Iterable[Delta]) -> None:
        named: set[int] = set()
        self._expected: dict[Kind | None, list[tuple[Kind, str]]] = {}  # never an empty list
        for delta in received:
            for kind, text in _atoms(delta, named):
                self._expected.setdefault(_order_of(kind), []).append((kind, text))
        for atoms in self._expected.values():
            atoms.reverse()  # taken from the end
        self._compared: dict[Kind | None, int] = {}  # of the text that comes next, the characters that were repeated
        self._named: set[int] = set()

    @property
    def is_joined(self) -> bool:
        """Whether everything the first attempt gave was repeated."""
        return not self._expected

    def feed(self, deltas: Iterable[Delta]) -> list[Delta]:
        """
        Return what is new in `deltas`.

        Raises:
            Diverged: when the second attempt ends before the first one did, or differs from it.
        """
        fresh: list[Delta] = []
        for delta in deltas:
            if self.is_joined or isinstance(delta, UsageReported):
                fresh.append(delta)
            elif isinstance(delta, Finished):
                raise Diverged("the second attempt ended before the first one")
            else:
                fresh.extend(self._new_part(delta))
        return fresh

    def _new_part(self, delta: Delta) -> list[Delta]:
        """Compare one delta with what is expected; return the part of it that goes beyond."""
        fresh: list[Delta] = []
        for kind, text in _atoms(delta, self._named):
            if rest := self._check_off(kind, text):
                fresh.append(_delta_of(kind, rest))
        return fresh

    def _check_off(self, kind: Kind, text: str) -> str:
        order, at = _order_of(kind), 0
        atoms, begin = self._expected.get(order, []), self._compared.get(order, 0)
        while at < len(text) and atoms:
            expected_kind, expected = atoms[-1]
            common = min(len(text) - at, len(expected) - begin)
            is_other_tool = kind[0] == "name" and text != expected
            is_equal = text[at : at + common] == expected[begin : begin + common]
            if kind != expected_kind or not is_equal or is_other_tool:
                raise Diverged("the second attempt differs from the first")
            at, begin = at + common, begin + common
            if begin == len(expected):
                atoms.pop()
                begin = 0
        self._compared[order] = begin
        if not atoms:
            self._expected.pop(order, None)
        return text[at:]


def _order_of(kind: Kind) -> Kind | None:
    """Return which sequence a text has its place in: what comes alongside a call has its own, all others share one."""
    return kind if kind[0] in ALONGSIDE else None


def _atoms(delta: Delta, named: set[int]) -> list[tuple[Kind, str]]:
    """Return the texts a delta is made of, none of them empty; a name only for a call that is not in `named` yet."""
    parts: list[tuple[Kind, str]]
    match delta:
        case TextDelta(text):
            parts = [(("text", 0), text)]
        case ThinkingDelta(text, signature):
            parts = [(("thinking", 0), text), (("signature", 0), signature)]
        case ToolCallDelta(slot, name, arguments, written, raw_arguments):
            parts = [
                (("name", slot), "" if slot in named else name),
                (("arguments", slot), arguments),
                (("written", slot), written),
                (("raw_arguments", slot), raw_arguments),
            ]
            if name:
                named.add(slot)
        case _:
            parts = []
    return [part for part in parts if part[1]]


def _delta_of(kind: Kind, text: str) -> Delta:
    match kind:
        case ("text", _):
            return TextDelta(text)
        case ("thinking", _):
            return ThinkingDelta(text)
        case ("signature", _):
            return ThinkingDelta("", text)
        case ("name", slot):
            return ToolCallDelta(slot, text)
        case ("written", slot):
            return ToolCallDelta(slot, written=text)
        case ("raw_arguments", slot):
            return ToolCallDelta(slot, raw_arguments=text)
        case (_, slot):
            return ToolCallDelta(slot, "", text)
