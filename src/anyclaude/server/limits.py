"""Limits on what a client may send, and on the time that it may take."""

from msgspec import Struct


class Limits(Struct, frozen=True, kw_only=True):
    """The limits of one connection, and of the requests on it."""

    body_bytes: int = 32 * 1024 * 1024
    """The Messages API's own limit (docs: request size limits)."""
    body_seconds: float = 60.0
    """32 MB take a fraction of a second over loopback, and half a minute over a slow tunnel."""
    head_seconds: float = 20.0
    """A request's head fits into one or two packets; only an attacker takes this long to send it."""
    idle_seconds: float = 600.0
    """Between two requests the user reads, and the client edits and runs tools; reconnecting is cheap but not free."""
    linger_seconds: float = 10.0
    """How long a refused body is read and discarded.  Closing the connection at once would reset it, and a client that
    is still sending would never read the refusal."""
