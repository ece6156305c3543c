"""A lock between processes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from .private_files import PRIVATE_FILE, make_private_folder

POLL_SECONDS = 0.2
"""Pause between two attempts: no event says that another process has released the lock."""


@asynccontextmanager
async def exclusive_lock(path: Path) -> AsyncIterator[None]:
    """
    Hold an exclusive lock on a file for the time of the block; raises `OSError` if the file cannot be created.

    The operating system releases the lock when its process ends.  The wait can be cancelled, which a wait inside
    the system's call could not.
    """
    make_private_folder(path.parent)
    lock = FileLock(path, mode=PRIVATE_FILE)
    try:
        while not _try_lock(lock):
            await asyncio.sleep(POLL_SECONDS)
        yield
    finally:
        lock.release()


def _try_lock(lock: FileLock) -> bool:
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    return True
