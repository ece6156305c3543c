"""How long each part of a reply may take."""

from msgspec import Struct


class Timeouts(Struct, frozen=True, kw_only=True):
    """
    How long each kind of silence may last, in seconds.

    The defaults are for slow hardware: a prefill of ten minutes is normal (18,000 tokens took a
    0.5B model on two cores 482 s), a pause of two minutes between two tokens is not.  A backend
    that has said why it stopped owes nothing but its usage figures.
    """

    first_byte_seconds: float = 1800.0
    stall_seconds: float = 120.0
    finish_seconds: float = 10.0
    retry_seconds: float = 30.0
    fallback_seconds: float = 1.0
    """How long trying again may take where another backend stands ready: enough for a connection broken by chance."""
