"""The time limits for a reply."""

from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

Seconds: TypeAlias = Annotated[float, Meta(gt=0)]
"""A time limit that a user may set."""


class Timeouts(Struct, frozen=True, kw_only=True):
    """
    How long each kind of silence may last, in seconds.

    The defaults are for slow hardware: a prefill of ten minutes is normal (18,000 tokens took a
    0.5B model on two cores 482 s), a pause of two minutes between two tokens is not.  A backend
    that has sent its finish reason owes nothing but its usage figures.
    """

    first_byte_seconds: Seconds = 1800.0
    stall_seconds: Seconds = 120.0
    finish_seconds: Seconds = 10.0
    retry_seconds: float = 30.0
    fallback_seconds: float = 1.0
    """How long to retry a backend if another one is ready: enough for a connection that broke by chance."""
