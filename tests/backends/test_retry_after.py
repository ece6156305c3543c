"""What servers write in `Retry-After`."""

import pytest

from anyclaude.backends.retry_after import MAX_SECONDS, retry_after


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 1.5 ", 1.5),
        ("999999999", MAX_SECONDS),
        ("", None),
        ("-1", None),
        ("+1", None),
        ("1e9", None),
        ("inf", None),
        ("NaN", None),
        ("²", None),
        ("٣", None),
        ("9" * 400, None),
        ("7, 8", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("soon", None),
    ],
)
def test_seconds_are_read_and_everything_else_is_ignored(header: str, seconds: float | None) -> None:
    assert retry_after(header) == seconds
