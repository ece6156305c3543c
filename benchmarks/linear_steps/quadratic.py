"""Steps whose work grows with the square of their input, each in another way: the count has to find them."""

import re
from collections.abc import Callable

from benchmarks.linear_steps.steps import Step, plain

_TRAILING = re.compile(r"\s+$")
_NESTED = re.compile(r"(a*)*b")


def _cut_off(text: str) -> None:
    """Copy what is left of a text after each character."""
    while text:
        text = text[1:]


def _measure_again(text: str) -> None:
    """Do some Python work for all that has come, after each piece."""
    come: list[str] = []
    for character in text:
        come.append(character)
        sum(map(len, come))


def _step(function: Callable[[str], object]) -> Step:
    return Step(plain(function), ("a",))


QUADRATIC: dict[str, Step] = {
    "quadratic: blanks at the end": Step(plain(_TRAILING.search), (" ",), (("", " ", "a"),)),
    "quadratic: what is left is copied": _step(_cut_off),
    "quadratic: measured again": _step(_measure_again),
    "exponential: nested repetition": _step(_NESTED.search),
}
"""By name."""
