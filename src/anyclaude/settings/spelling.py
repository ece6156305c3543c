"""Which known name a misspelt one is meant for."""

from collections.abc import Iterable

LONG_NAME = 8
"""From this length on, two mistakes are taken for mistakes of spelling; shorter names would resemble too many words."""


def nearest_name(word: str, names: Iterable[str]) -> str | None:
    """
    Return the name that differs the least, if it differs by one letter, or by two if it is long.

    A letter too many, too few or another, and two in the wrong order, are one mistake.  Capitals, hyphens and
    underscores do not count.
    """
    plain = _plain(word)
    ranked = sorted((*_difference(plain, _plain(name)), name) for name in set(names))
    if not ranked:
        return None
    mistakes, _, name = ranked[0]
    return name if mistakes <= (2 if min(len(plain), len(_plain(name))) >= LONG_NAME else 1) else None


def _difference(word: str, name: str) -> tuple[int, bool]:
    """Return the number of mistakes, and whether there are other letters, which is less likely than another order."""
    return _mistakes(word, name), sorted(word) != sorted(name)


def _mistakes(word: str, name: str) -> int:
    """Return the distance of two words by optimal string alignment, as it is known in the literature."""
    rows = [list(range(len(name) + 1))]
    for at, letter in enumerate(word, 1):
        row = [at]
        for to, other in enumerate(name, 1):
            cost = min(rows[-1][to] + 1, row[-1] + 1, rows[-1][to - 1] + (letter != other))
            if at > 1 and to > 1 and (word[at - 2], letter) == (other, name[to - 2]):
                cost = min(cost, rows[-2][to - 2] + 1)
            row.append(cost)
        rows.append(row)
    return rows[-1][-1]


def _plain(name: str) -> str:
    return name.replace("-", "").replace("_", "").casefold()
