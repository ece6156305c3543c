"""The benchmark of speculation plays each kind of text with each setup, and says whether the text changed."""

from pathlib import Path

import pytest
from benchmarks.speculation.__main__ import measure
from benchmarks.speculation.report import Generated, is_unchanged, section, speedup
from benchmarks.speculation.texts import KINDS
from tests.parts.engines import smollm2_model, tiny_model

__all__ = ["smollm2_model", "tiny_model"]


@pytest.mark.slow
async def test_each_kind_of_text_has_a_row_for_each_setup(tiny_model: Path) -> None:
    results = await measure(tiny_model, None, rounds=1, tokens=4)

    lines = section(results, "the command", "a machine").splitlines()

    assert [sum(line.startswith(f"| {kind.title} | `") for line in lines) for kind in KINDS] == [3] * len(KINDS)


def test_speeds_are_compared_pair_by_pair_and_one_other_text_is_a_change() -> None:
    slow, fast = Generated("same", 10, 10.0), Generated("same", 10, 18.0, 8, 6)
    replies = {"off": [[slow, slow]], "short": [[fast, fast]], "long": [[fast, Generated("other", 10, 30.0, 8, 2)]]}

    assert speedup(replies, "short") == 1.8
    assert is_unchanged(replies, "short")
    assert not is_unchanged(replies, "long")
