"""A lock between processes."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from .private_files import open_private_append

POLL_SECONDS = 0.2
"""Pause between two attempts: no event says that another process has released the lock."""


@asynccontextmanager
async def exclusive_lock(path: Path) -> AsyncIterator[None]:
    """
    Hold an exclusive lock on a file for the time of the block; raises `OSError` if the file cannot be created.

    The operating system releases the lock when its process ends.  The wait can be cancelled, which a wait inside
    `flock` could not.
    """
    descriptor = open_private_append(path)
    try:
        while not _try_lock(descriptor):  # noqa: ASYNC110
            await asyncio.sleep(POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
