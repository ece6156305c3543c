"""When a server accepts a request again, as its `Retry-After` header says it."""

import re

SECONDS = re.compile(r"\s*(\d{1,9}(?:\.\d{1,9})?)\s*", re.ASCII)
"""A number of seconds (RFC 9110 §10.2.3), of which servers write fractions too.  Dates are not read: a wait that
depends on two clocks may be any."""

MAX_SECONDS = 24 * 60 * 60.0
"""No server knows what it does tomorrow; a client that is told to wait for years never comes back."""


def retry_after(header: str) -> float | None:
    """Return the seconds that a header names, a day at most; `None` if it names none."""
    found = SECONDS.fullmatch(header)
    return None if found is None else min(float(found[1]), MAX_SECONDS)
