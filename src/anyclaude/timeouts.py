"""The timeouts of a reply."""

from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

Seconds: TypeAlias = Annotated[float, Meta(gt=0)]
"""A time limit that a user may set."""


class Timeouts(Struct, frozen=True, kw_only=True):
    """
    The longest pauses that are tolerated, in seconds.

    `first_byte_seconds` and `stall_seconds` limit the silence before a reply and within it.  The
    defaults are for slow hardware: a prefill of ten minutes is normal (18,000 tokens took a 0.5B model
    on two cores 482 s), a pause of two minutes between two tokens is not.  Within a reply, comments and empty chunks
    end a silence, but after `first_byte_seconds` without a part of the reply they no longer do.  `finish_seconds` is
    the whole time that the usage report may take once the backend has given the reason for the end; after `[DONE]`
    nothing is awaited.
    `retry_seconds` limits the retries of one request, from its admission.
    """

    first_byte_seconds: Seconds = 1800.0
    stall_seconds: Seconds = 120.0
    finish_seconds: Seconds = 10.0
    retry_seconds: float = 30.0
    fallback_seconds: float = 1.0
    """The budget for retries where another backend is available: enough for a connection that broke by chance."""
