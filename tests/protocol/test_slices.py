"""Slices of large bodies."""

import re

from hypothesis import given
from hypothesis import strategies as st

from anyclaude.protocol.slices import SLICE_BYTES, slices, unescaped_slices


def test_slices_add_up_to_what_is_sliced() -> None:
    body = bytes(range(256)) * 1_000

    assert b"".join(slices(body)) == body
    assert b"".join(slices(body, 5, 70_000)) == body[5:70_000]
    assert max(map(len, slices(body))) == SLICE_BYTES


@given(st.lists(st.sampled_from([b"a", b'"', b"\\\\", b'\\"', b"\\n"]), max_size=9), st.integers(0, 12))
def test_no_slice_ends_within_an_escape(units: list[bytes], before: int) -> None:
    body = b"\\\\" * ((SLICE_BYTES - before) // 2) + b"".join(units) * 3

    parts = list(unescaped_slices(body))

    assert b"".join(parts) == body
    assert all(re.fullmatch(rb"(?:[^\\]|\\.)*+", part, re.DOTALL) for part in parts)
