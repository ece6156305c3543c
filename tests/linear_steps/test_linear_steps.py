"""
The work of every step over text and JSON grows with its input and no faster.

Work is counted in instructions, among them those of regular expressions, and every byte that is copied (valgrind's
callgrind): neither a busy machine nor a fast one changes the count.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from tests.linear_steps.count import Case
from tests.linear_steps.shapes import SHAPES
from tests.linear_steps.steps import STEPS

ROOT = Path(__file__).parents[2]

CHARACTERS = 3_000
"""Of the shorter input: quadratic work shows, and counting makes a step fifty times as slow."""

PARTS = 60

MOST = 2.5
"""How much more work the doubled input may make: twice as much, and what a growing table costs."""

SLACK = 400_000
"""Instructions that one input may cost more than another for reasons that do not grow: a table that is made larger."""

EXAMPLES = 4
"""Inputs that are drawn for each step."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("valgrind") is None, reason="instructions are counted by valgrind"),
]


def costs(cases: Sequence[Case], folder: Path) -> list[tuple[int, int]]:
    """Return the instructions of each case, in its shorter and its longer form."""
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    subprocess.run(
        [
            *("valgrind", "--tool=callgrind", "--dump-before=getppid", f"--callgrind-out-file={folder / 'out'}"),
            *(sys.executable, "-m", "tests.linear_steps.count"),
        ],
        input=json.dumps(msgspec.to_builtins(cases)).encode(),  # halves of a character, which msgspec refuses
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        check=True,
        capture_output=True,
    )
    # Each mark ends a part: the parts between the marks of one size have even numbers.
    counted = [total_in(folder / f"out.{2 * place}") for place in range(1, 2 * len(cases) + 1)]
    return list(zip(counted[::2], counted[1::2], strict=True))


def total_in(file: Path) -> int:
    """Return the instructions in one part of callgrind's counts."""
    found = re.search(r"^totals: (\d+)$", file.read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])


def case_of(step: str, beginning: str, unit: str, end: str) -> Case:
    """Return a case with an input of `CHARACTERS`, and its double."""
    times = max(CHARACTERS // len(unit), 1)
    return Case(step, (times, 2 * times), beginning, unit, end)


def known_cases() -> list[Case]:
    """Return the worst known inputs of all steps."""
    texts = [case_of(name, *worst) for name, step in STEPS.items() for worst in (*step.worst, ("", step.syntax[0], ""))]
    return [*texts, *(Case(name, (PARTS, 2 * PARTS)) for name in SHAPES)]


def texts(name: str, most: int) -> st.SearchStrategy[str]:
    """Return texts of the syntax that a step looks for."""
    return st.lists(st.sampled_from(STEPS[name].syntax), min_size=0, max_size=most).map("".join)


def cases_of(name: str) -> st.SearchStrategy[Case]:
    """Return inputs of a step: a unit of its syntax, repeated between a beginning and an end."""
    return st.builds(case_of, st.just(name), texts(name, 3), texts(name, 4).filter(bool), texts(name, 2))


def too_dear(cases: Sequence[Case], folder: Path) -> list[str]:
    """Return the cases whose work more than doubles, each with the counts."""
    counted = zip(cases, costs(cases, folder), strict=True)
    return [f"{case}: {shorter} -> {longer}" for case, (shorter, longer) in counted if longer > MOST * shorter + SLACK]


def test_twice_a_known_input_is_twice_the_work(tmp_path: Path) -> None:
    """All of them at once, because starting the counter takes longer than counting."""
    assert too_dear(known_cases(), tmp_path / "counts") == []


def test_twice_any_text_is_twice_the_work(tmp_path: Path) -> None:
    @seed(1)
    @settings(max_examples=1, phases=[Phase.generate], database=None, suppress_health_check=list(HealthCheck))
    @given(st.tuples(*(st.lists(cases_of(name), min_size=EXAMPLES, max_size=EXAMPLES) for name in STEPS)))
    def check(drawn: tuple[list[Case], ...]) -> None:
        assert too_dear([case for cases in drawn for case in cases], tmp_path / "counts") == []

    check()
