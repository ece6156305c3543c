"""Which delays a `Retry-After` header can name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.backends.retry_after import MAX_SECONDS, retry_after_seconds


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("0", 0.0), (" 007 ", 7.0), ("1.5", 1.5), ("86400", MAX_SECONDS)]
)
def test_a_number_of_seconds_is_read(header: str, seconds: float) -> None:
    assert retry_after_seconds(header) == seconds


@pytest.mark.parametrize(
    "header",
    [
        *("", "soon", "-1", "-0.5", "inf", "nan", "1e400", "1e3", "0x10", "1_000", "7, 9", "7;8", "[7]", "7s", ".5"),
        *("86401", "9" * 400, "Wed, 21 Oct 2026 07:28:00 GMT", "\xb2", "\u0667", "7\x00"),
    ],
)
def test_anything_else_is_no_delay(header: str) -> None:
    assert retry_after_seconds(header) is None


@given(header=st.text() | st.from_regex(r"[-+.0-9e]*", fullmatch=True))
def test_no_header_asks_for_more_than_a_day(header: str) -> None:
    seconds = retry_after_seconds(header)

    assert seconds is None or 0 <= seconds <= MAX_SECONDS
