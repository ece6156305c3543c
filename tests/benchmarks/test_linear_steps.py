"""Whether the work of each step over text and JSON is linear, and whether the count finds those that are not."""

import tempfile
from collections.abc import Callable, Generator, Sequence
from functools import partial
from math import inf
from pathlib import Path

import pytest
from benchmarks.linear_steps.case import MOST_PIECES, Case, known_cases
from benchmarks.linear_steps.counter import Counter, counter, is_installed
from benchmarks.linear_steps.growth import growth
from benchmarks.linear_steps.quadratic import QUADRATIC
from benchmarks.linear_steps.shapes import SHAPES
from benchmarks.linear_steps.steps import STEPS
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

KNOWN = [case for name in (*STEPS, *SHAPES) for case in known_cases(name)]

AN_INPUT = Case("a step", unit="a")


@pytest.fixture(scope="module")
def instructions() -> Generator[Counter, None, None]:
    """One process counts all steps, because it takes ten seconds to start."""
    with tempfile.TemporaryDirectory(prefix="anyclaude-test-") as folder, counter(Path(folder)) as counts:
        yield counts


def counted(function: Callable[[int], float]) -> Callable[[Sequence[int]], list[float]]:
    """Return counts that follow a function of the size."""
    return lambda sizes: [function(size) for size in sizes]


@st.composite
def cases(draw: st.DrawFn, name: str) -> Case:
    pieces = st.sampled_from(STEPS[name].syntax)
    beginning, unit, end = ("".join(draw(st.lists(pieces, min_size=low, max_size=MOST_PIECES))) for low in (0, 1, 0))
    return Case(name, beginning, unit, end)


@pytest.mark.parametrize(
    "count",
    [
        lambda size: 2_000 * size,
        lambda size: 10**9 + 50 * size,
        lambda size: 50 * size * size.bit_length(),
        lambda size: 100 if size < 5_000 else 3_000 * size,
        lambda size: 20 * min(size, 600) ** 2,
    ],
    ids=["linear", "mostly constant", "sorting", "begins at a size", "bounded"],
)
def test_work_that_grows_with_the_input_is_linear(count: Callable[[int], float]) -> None:
    assert growth(AN_INPUT, counted(count)).is_linear


@pytest.mark.parametrize(
    "count",
    [
        lambda size: 4 * size**2,
        lambda size: 10**9 + 2_000 * size + size**2,
        lambda size: 2.0 ** (size / 8) if size < 8_000 else inf,
    ],
    ids=["quadratic", "beside much else", "exponential"],
)
def test_work_that_grows_faster_is_not(count: Callable[[int], float]) -> None:
    assert not growth(AN_INPUT, counted(count)).is_linear


needs_valgrind = pytest.mark.skipif(not is_installed(), reason="valgrind counts instructions: apt-get install valgrind")


@needs_valgrind
@pytest.mark.slow
@pytest.mark.parametrize("name", QUADRATIC)
def test_the_count_finds_a_step_that_is_not_linear(instructions: Counter, name: str) -> None:
    grown = [growth(case, partial(instructions.counts, case)) for case in known_cases(name)]

    assert not grown[0].is_linear, grown[0]


@needs_valgrind
@pytest.mark.slow
@pytest.mark.parametrize("case", KNOWN, ids=str)
def test_the_worst_known_inputs_cost_no_more_than_their_length(instructions: Counter, case: Case) -> None:
    grown = growth(case, partial(instructions.counts, case))

    assert grown.is_linear, grown


@needs_valgrind
@pytest.mark.slow
@pytest.mark.parametrize("name", STEPS)
@settings(max_examples=1, derandomize=True, database=None, phases=[Phase.generate])
@given(data=st.data())
def test_inputs_that_are_drawn_cost_no_more_than_their_length(
    instructions: Counter, name: str, data: st.DataObject
) -> None:
    case = data.draw(cases(name))

    grown = growth(case, partial(instructions.counts, case))

    assert grown.is_linear, grown
