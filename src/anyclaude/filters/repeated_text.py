"""
Notices text that only repeats itself.

Only exact repetition counts.  The text is looked at in blocks that do not depend on how it arrives.  After each block,
the last characters are compared with themselves, moved by the length of what may be repeated.  So a token costs an
addition, and memory is bounded.
"""

from collections import deque
from collections.abc import Sequence
from itertools import islice

from msgspec import Struct


class Window(Struct, frozen=True):
    """How many characters must be a repetition, and of what length at most: a shorter window for shorter units."""

    characters: int
    longest_unit: int


class Repeated(Struct, frozen=True):
    """A text that repeats itself."""

    unit_characters: int | None
    """The length of what is repeated, `None` for white space of any kind."""
    characters: int
    """The length of the repetition that was looked at; it may have begun earlier."""
    end: int
    """Where the repetition was noticed, as an index into the piece that was added last."""


class RepeatedText:
    """Watches one text that arrives in pieces."""

    def __init__(self, windows: Sequence[Window], block: int, *, is_space_repeated: bool = True) -> None:
        """
        Watch for repetition within `windows`, the shortest first, whose lengths are multiples of `block`.

        A block of white space counts as repetition if `is_space_repeated`.
        """
        self._windows = windows
        self._block = block
        self._is_space_repeated = is_space_repeated
        self._blocks: deque[str] = deque(maxlen=windows[-1].characters // block)
        self._pieces: list[str] = []
        self._missing = block  # characters, to the end of the block

    def clear(self) -> None:
        """Forget the text so far: what follows is something new."""
        self._blocks.clear()
        self._pieces.clear()
        self._missing = self._block

    def add(self, piece: str) -> Repeated | None:
        """Take note of the next piece; return the repetition that it completes, `None` if there is none."""
        self._pieces.append(piece)
        self._missing -= len(piece)
        return self._look(piece) if self._missing <= 0 else None

    def _look(self, piece: str) -> Repeated | None:
        text = "".join(self._pieces)
        for end in range(self._block, len(text) + 1, self._block):
            self._blocks.append(text[end - self._block : end])
            unit, characters = self._repetition()
            if characters:
                return Repeated(unit, characters, len(piece) - (len(text) - end))
        rest = len(text) % self._block
        self._pieces = [text[len(text) - rest :]]
        self._missing = self._block - rest
        return None

    def _repetition(self) -> tuple[int | None, int]:
        """Return the length of what the last blocks repeat and theirs; the latter is 0 if they repeat nothing."""
        if self._is_space_repeated and self._blocks[-1].isspace():
            return None, self._block
        for window in self._windows:
            blocks = window.characters // self._block
            if len(self._blocks) >= blocks:
                latest = "".join(islice(self._blocks, len(self._blocks) - blocks, None))
                if unit := repeated_unit(latest, window.longest_unit):
                    return unit, window.characters
        return None, 0


def repeated_unit(text: str, longest: int) -> int:
    """
    Return the length of the shortest unit of which a text is a repetition, 0 if it has more than `longest` characters.

    The text may end within the unit, and must be twice as long as the longest one.  If a unit exists, the beginning of
    the text occurs again after exactly one unit, and not before: a text that repeats itself after two distances repeats
    itself after their greatest common divisor too (Fine and Wilf, 1965).
    """
    unit = text.find(text[:longest], 1, 2 * longest)
    return unit if unit > 0 and text.startswith(text[unit:]) else 0
