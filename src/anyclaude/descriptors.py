"""The descriptors of this process: files, connections and pipes share one limit of the system (`ulimit -n`)."""

import errno
import os
from contextlib import suppress

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""What the system answers when nothing more can be opened: the process or the machine is at its limit."""

OWN_DESCRIPTORS = 64
"""Descriptors for all but the streams: a gateway at rest has 14, and opens its logs, its stores and the engine's pipes
beside them."""

PER_STREAM = 2
"""A stream has a connection to the client, and one to the server."""

FEWEST_CONNECTIONS = 8
"""What clients get where the limit is very low: fewer would not serve one Claude Code with its sub-agents."""


def allow_many_descriptors() -> None:
    """Raise the limit of this process as far as the system lets us."""
    if resource is not None:
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def most_client_connections() -> int | None:
    """Return how many clients can be connected, so that each has a stream; `None` where the system has no limit."""
    if resource is not None:
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if limit != resource.RLIM_INFINITY:
            return max(FEWEST_CONNECTIONS, (limit - OWN_DESCRIPTORS) // PER_STREAM)
    return None


def are_exhausted(error: OSError) -> bool:
    """Return whether something could not be opened because this process, or the machine, is at its limit."""
    return error.errno in EXHAUSTED


def is_one_left() -> bool:
    """Return whether something can be opened; a failed look-up of a host name does not tell."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return not are_exhausted(error)
    return True
