"""The delay that a server's `Retry-After` header names."""

import re

MAX_SECONDS = 24 * 3600.0
"""A day, in which any quota is renewed; a longer delay is taken for damage."""

_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]+)?")


def retry_after_seconds(header: str) -> float | None:
    """
    Return the seconds, `None` for a header that names none between 0 and `MAX_SECONDS`.

    A date (RFC 9110, section 10.2.3) counts as none: it would need the server's clock to agree with ours.
    """
    value = header.strip()
    seconds = float(value) if _SECONDS.fullmatch(value) else None
    return seconds if seconds is not None and seconds <= MAX_SECONDS else None
