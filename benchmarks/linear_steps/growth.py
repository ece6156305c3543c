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

MOST = 2.2
"""How much more a doubled size may add: twice as much, and what growing tables and sorting cost."""

SLACK = 100_000
"""Instructions that a size may add for reasons that do not grow: a table that is made larger."""

PROBED_CHARACTERS = 128
PROBED_PARTS = 4

BUDGET = 14_000_000
"""Instructions for the three sizes of a case, which are 7 times the smallest, by an estimate: 0.1 s, counted."""

FEWEST_CHARACTERS, MOST_CHARACTERS = 256, 20_000
FEWEST_PARTS, MOST_PARTS = 20, 500
"""Of the smallest size."""


SHRINK = 4
"""By which the sizes are divided once, if the largest took too long."""


class Growth(Struct, frozen=True):
    """The sizes of a case, and the instructions that each adds to those of the size before."""

    case: Case
    sizes: Sequence[int]
    added: Sequence[float]

    @property
    def is_linear(self) -> bool:
        """Whether some doubled size adds no more than its share: a step may have a limit, which is passed once."""
        return any(more <= MOST * less + SLACK < inf for less, more in pairwise(self.added))

    def __str__(self) -> str:
        """Return the growth in a line."""
        return f"{self.sizes}: {' '.join(f'{count:+,.0f}' for count in self.added)} {self.case}"


def growth(case: Case, count: Count) -> Growth:
    """Count a case in three sizes that the budget allows, and in three larger ones if they are not linear."""
    probed = _probed(case, count)
    if inf in probed.added:
        return probed
    first = _first_size(probed)
    grown = _grown(case, (first, 2 * first, 4 * first), count)
    if inf in grown.added and first > SHRINK:  # the probe may have been below a limit from which on there is work
        first //= SHRINK
        grown = _grown(case, (first, 2 * first, 4 * first), count)
    if grown.is_linear or inf in grown.added:
        return grown
    return _grown(case, (*grown.sizes, 8 * first, 16 * first, 32 * first), count)


def _probed(case: Case, count: Count) -> Growth:
    size = max(PROBED_CHARACTERS // len(case.unit), 1) if case.unit else PROBED_PARTS
    return _grown(case, (size, 2 * size), count)


def _grown(case: Case, sizes: tuple[int, ...], count: Count) -> Growth:
    added = (inf if more == inf else more - less for less, more in pairwise(count(sizes)))
    return Growth(case, sizes, tuple(added))


def _first_size(probed: Growth) -> int:
    """Return the smallest of three sizes: as large as the budget allows, if each unit adds as much as in the probe."""
    unit = len(probed.case.unit)
    least, most = (FEWEST_CHARACTERS // unit, MOST_CHARACTERS // unit) if unit else (FEWEST_PARTS, MOST_PARTS)
    each = max(probed.added[0] / probed.sizes[0], 1)
    return max(least, min(int(BUDGET / (7 * each)), most), 1)
