"""Takes descriptors away from this process, as many open files and connections do."""

import os
import resource
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress


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
    with ExitStack() as held:
        held.enter_context(descriptor_limit(max(map(int, os.listdir("/dev/fd"))) + 1))
        with suppress(OSError):
            while True:
                held.callback(os.close, os.dup(0))
        yield
