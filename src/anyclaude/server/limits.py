"""What a client may send, and how long it may take."""

from msgspec import Struct


class Limits(Struct, frozen=True, kw_only=True):
    """Bounds on one connection and on the requests that come over it."""

    body_bytes: int = 32 * 1024 * 1024
    """The Messages API's own limit (docs: request size limits)."""
    body_seconds: float = 60.0
    """32 MB over loopback take a fraction of a second, over a slow tunnel half a minute."""
    head_seconds: float = 20.0
    """A request's head fits into one packet or two; nobody honest needs this long for it."""
    idle_seconds: float = 600.0
    """A client thinks, edits and runs tools between two requests; reconnecting is cheap but not free."""
    linger_seconds: float = 10.0
    """How long a refused body is read and thrown away: closed at once, the connection would be reset, and a client
    that is still sending would never read the refusal."""
