"""
How the work of a step grows with its input.

Work is counted at doubled sizes.  What a size adds to the count of the one before it doubles too if the work is linear,
and grows fourfold if it is quadratic; what does not depend on the size drops out.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import inf
from typing import TypeAlias

from benchmarks.linear_steps.case import Case
from msgspec import Struct

Count: TypeAlias = Callable[[Sequence[int]], Sequence[float]]
"""Returns the instructions that a case needs in each size, with a constant that is unknown."""

MOST = 2.3
"""How much more a doubled size may add: twice as much, and what growing tables and sorting cost."""

SLACK = 300_000
"""Instructions that a size may add for reasons that do not grow: a table that is made larger."""

PROBED_CHARACTERS = 128
PROBED_PARTS = 4

BUDGET = 20_000_000
"""Instructions for all sizes of a case together, by the first estimate: 0.2 s, counted."""

MOST_CHARACTERS = 4_000
"""Of the smallest input.  Above it, what is not linear is seen in the smallest too."""
FEWEST_CHARACTERS = 256
FEWEST_PARTS = 8


class Growth(Struct, frozen=True):
    """The sizes of a case, and the instructions that each adds to those of the size before."""

    case: Case
    sizes: Sequence[int]
    added: Sequence[float]

    @property
    def is_linear(self) -> bool:
        """Whether some doubled size adds no more than its share: a limit of the step is passed once."""
        return any(more <= MOST * less + SLACK < inf for less, more in pairwise(self.added))

    def __str__(self) -> str:
        """Return the growth in a line."""
        return f"{self.sizes}: {' '.join(f'{count:+,.0f}' for count in self.added)} {self.case}"


def growth(case: Case, count: Count) -> Growth:
    """Count a case in three sizes, and in a fourth if they are not linear."""
    first = _first_size(case, count)
    sizes = [first, 2 * first, 4 * first]
    counts = count(sizes)
    grown = _grown(case, sizes, counts)
    if grown.is_linear or inf in counts:
        return grown
    sizes.append(8 * first)
    return _grown(case, sizes, count(sizes))


def _grown(case: Case, sizes: Sequence[int], counts: Sequence[float]) -> Growth:
    return Growth(case, tuple(sizes), tuple(inf if more == inf else more - less for less, more in pairwise(counts)))


def _first_size(case: Case, count: Count) -> int:
    """Return the smallest size: as much as the budget allows."""
    unit = len(case.unit) or 1
    probed, least, most = (
        (PROBED_CHARACTERS, FEWEST_CHARACTERS, MOST_CHARACTERS)
        if case.unit
        else (PROBED_PARTS, FEWEST_PARTS, MOST_CHARACTERS)
    )
    sizes = [max(probed // unit, 1), max(2 * probed // unit, 2)]
    less, more = count(sizes)
    added = (more - less) / (sizes[1] - sizes[0])
    return int(max(least // unit, 1, min(BUDGET / 7 / max(added, 1), most / unit)))
