"""Strategies for every way in which bytes may be split by the network, and values batched in a stream."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeVar

from hypothesis import strategies as st

T = TypeVar("T", bound=Sequence[object])


@st.composite
def any_split(draw: st.DrawFn, whole: T) -> list[T]:
    """Draw pieces, some of them empty, that make up the whole."""
    cuts = draw(st.lists(st.integers(0, len(whole)), max_size=12))
    return [_slice(whole, start, end) for start, end in pairwise([0, *sorted(cuts), len(whole)])]


def _slice(whole: T, start: int, end: int) -> T:
    piece = whole[start:end]
    assert isinstance(piece, type(whole))
    return piece
