"""What is counted: a step and an input that can have any length."""

from collections.abc import Callable, Iterator
from random import Random

from benchmarks.linear_steps.quadratic import QUADRATIC
from benchmarks.linear_steps.shapes import SHAPES
from benchmarks.linear_steps.steps import STEPS, Step
from benchmarks.linear_steps.thunk import Thunk
from msgspec import Struct

ALL_STEPS = {**STEPS, **QUADRATIC}

MOST_PIECES = 3
"""In a unit that is drawn, its beginning and its end, each."""


class Case(Struct, frozen=True):
    """A step, and an input: a unit that is repeated between a beginning and an end; a step of parts has no unit."""

    step: str
    beginning: str = ""
    unit: str = ""
    end: str = ""

    @property
    def prepare(self) -> Callable[[int], Thunk]:
        """What prepares the step for a number of units, or of parts."""
        if self.step in SHAPES:
            return SHAPES[self.step]
        step = ALL_STEPS[self.step]
        return lambda size: step.prepare(self.beginning + self.unit * size + self.end)

    def __str__(self) -> str:
        """Return the step's name and the input."""
        return f"{self.step}: {self.beginning!r} {self.unit!r} {self.end!r}" if self.unit else self.step


def known_cases(name: str) -> Iterator[Case]:
    """Yield a step with the inputs that are known to cost most for their length, and a plain one."""
    if name in SHAPES:
        yield Case(name)
        return
    step = ALL_STEPS[name]
    for worst in (*step.worst, ("", step.syntax[0], "")):
        yield Case(name, *worst)


def drawn_cases(name: str, rng: Random, count: int) -> Iterator[Case]:
    """Yield a step with inputs that are drawn; a step of parts has none."""
    for _ in range(0 if name in SHAPES else count):
        yield _drawn(name, ALL_STEPS[name], rng)


def _drawn(name: str, step: Step, rng: Random) -> Case:
    beginning, unit, end = ("".join(rng.choices(step.syntax, k=rng.randint(low, MOST_PIECES))) for low in (0, 1, 0))
    return Case(name, beginning, unit or step.syntax[0], end)
