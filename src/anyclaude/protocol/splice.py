"""
Joining a second attempt at a reply to the first, or finding out that they do not fit.

The second attempt says again what the client already has, wholly or from a point near the
end.  Every character of that is compared; only what follows goes on.  A splice that cannot
be shown to be right is refused, because a reply with repeated or missing characters is worse
than one that breaks off.
"""

from collections.abc import Iterable

from .deltas import Delta, Finished, TextDelta, ThinkingDelta, ToolCallDelta, UsageReported


class Diverged(ValueError):
    """The second attempt does not say what the first one said."""


class Splice:
    """
    Takes the deltas of the second attempt and gives those the client does not have yet.

    `said` is what the client has, from the point where the second attempt begins.  Fragments are
    compared by the characters they add up to, so the attempts may be cut differently; the name of
    a tool counts once and as a whole, for servers repeat it.
    """

    def __init__(self, said: Iterable[Delta]) -> None:
        named: set[int] = set()
        self._expected = [atom for delta in said for atom in _atoms(delta, named)]
        self._expected.reverse()  # taken from the end
        self._named: set[int] = set()

    @property
    def is_joined(self) -> bool:
        """Whether everything the client has was said again."""
        return not self._expected

    def feed(self, deltas: Iterable[Delta]) -> list[Delta]:
        """Return what is new in `deltas`; raises `Diverged`."""
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
        """Check one delta off against what is expected; return the part of it that goes beyond."""
        fresh: list[Delta] = []
        for kind, text in _atoms(delta, self._named):
            rest = self._check_off(kind, text)
            if rest:
                fresh.append(_delta_of(kind, rest))
        return fresh

    def _check_off(self, kind: "Kind", text: str) -> str:
        while text and self._expected:
            expected_kind, expected = self._expected.pop()
            common = min(len(text), len(expected))
            is_other_tool = kind[0] == "name" and text != expected
            if kind != expected_kind or text[:common] != expected[:common] or is_other_tool:
                raise Diverged("the second attempt says something else")
            if len(expected) > common:
                self._expected.append((expected_kind, expected[common:]))
            text = text[common:]
        return text


Kind = tuple[str, int]
"""What a text is part of, and for tool calls which one."""


def _atoms(delta: Delta, named: set[int]) -> list[tuple[Kind, str]]:
    """Return the texts a delta is made of, none of them empty; the calls in `named` have said their name before."""
    parts: list[tuple[Kind, str]]
    match delta:
        case TextDelta(text):
            parts = [(("text", 0), text)]
        case ThinkingDelta(text, signature):
            parts = [(("thinking", 0), text), (("signature", 0), signature)]
        case ToolCallDelta(slot, name, arguments):
            parts = [(("name", slot), "" if slot in named else name), (("arguments", slot), arguments)]
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
        case (_, slot):
            return ToolCallDelta(slot, "", text)
