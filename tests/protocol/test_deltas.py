"""Which figures a server can have reported."""

import math

import pytest

from anyclaude.protocol.deltas import MAX_COUNT, MAX_SECONDS, reported_count, reported_seconds


def test_possible_figures_stay_as_they_are() -> None:
    assert [reported_count(count) for count in (0, 7, MAX_COUNT - 1, None)] == [0, 7, MAX_COUNT - 1, None]
    assert [reported_seconds(seconds) for seconds in (0.0, 7.5, None)] == [0.0, 7.5, None]


@pytest.mark.parametrize("count", [-1, MAX_COUNT, 2**64 - 5, 10**300])
def test_a_count_that_cannot_be_is_none(count: int) -> None:
    assert reported_count(count) is None


@pytest.mark.parametrize("seconds", [-0.1, MAX_SECONDS, 1e300, math.inf, math.nan])
def test_a_time_that_cannot_be_is_none(seconds: float) -> None:
    assert reported_seconds(seconds) is None
