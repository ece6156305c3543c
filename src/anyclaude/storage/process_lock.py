"""A lock between processes."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Protocol

from .private_files import open_private_append

try:
    import fcntl
except ImportError:  # Windows, which has `msvcrt` instead
    HAS_FLOCK = False
else:
    HAS_FLOCK = True

POLL_SECONDS = 0.2
"""Pause between two attempts: no event says that another process has released the lock."""


class _ByteLocks(Protocol):
    """The module `msvcrt`, of which the type checker knows nothing on other systems."""

    LK_NBLCK: int

    def locking(self, descriptor: int, mode: int, size: int, /) -> None:
        """Lock bytes from the file's position on; raises `PermissionError` if another process has locked them."""


@asynccontextmanager
async def exclusive_lock(path: Path) -> AsyncIterator[None]:
    """
    Hold an exclusive lock on a file for the time of the block; raises `OSError` if the file cannot be created.

    The operating system releases the lock when its process ends.  The wait can be cancelled, which a wait inside
    the system's call could not.
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
        if HAS_FLOCK:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            msvcrt: _ByteLocks = import_module("msvcrt")
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # the first byte, which need not exist
    except (BlockingIOError, PermissionError):
        return False
    return True
