"""Takes descriptors away from this process, as many open files and connections do."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def descriptor_limit(limit: int) -> Iterator[None]:
    """Lower the limit of open descriptors within the block."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    """Let nothing more be opened within the block."""
    probe = os.dup(0)
    held = [probe]
    highest = max(map(int, os.listdir("/dev/fd")))
    with descriptor_limit(highest + 1):
        try:
            try:
                while True:
                    held.append(os.dup(0))
            except OSError:
                yield
        finally:
            for descriptor in held:
                os.close(descriptor)
