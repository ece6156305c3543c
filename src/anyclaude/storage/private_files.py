"""Files and folders that only their owner can read, whatever the umask is."""

import errno
import os
import stat
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from typing import BinaryIO

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
OTHERS = 0o077
"""The rights of the group and of all other users."""

BINARY: int = getattr(os, "O_BINARY", 0)
"""On Windows, files are otherwise opened as text, and every newline that is written becomes two characters."""

ITSELF: int = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
"""No link is followed, a pipe without another end is not waited for, and no device becomes our terminal."""

UNFINISHED = ".unfinished-"
"""Begins the names of files that are being written."""

UNFINISHED_SECONDS = 3600.0
"""
An unfinished file that is older belongs to a process that was killed: a write takes seconds at most.

The number of a process would say less: in another container that shares the folder, it names another one.
"""

TEMPORARY_VARIABLES = ("TMPDIR", "TEMP", "TMP")
TEMPORARY_FOLDERS = ("/tmp", "/var/tmp", "/usr/tmp")
"""Where `tempfile` looks on POSIX systems before it takes the current folder."""


def open_private_append(path: Path) -> int:
    """
    Return a descriptor that reads and appends; the file and its missing folders are created.

    A file that exists gets the mode 0600.  POSIX: with O_APPEND, what one `os.write` writes does not mix with the
    writes of other processes.

    Raises:
        OSError: when the file cannot be opened, or is a link, a pipe or a device, or belongs to another user.
    """
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | BINARY | ITSELF
    try:
        descriptor = os.open(path, flags, PRIVATE_FILE)
    except FileNotFoundError:
        make_private_folder(path.parent)
        descriptor = os.open(path, flags, PRIVATE_FILE)
    try:
        _make_private(descriptor, path)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def read_private(path: Path) -> bytes:
    """Return the content of a file of ours; raises as `open_private` does."""
    with open_private(path) as file:
        return file.read()


def open_private(path: Path) -> BinaryIO:
    """
    Open a file of ours to read it.

    Raises:
        OSError: when the file cannot be read, or is a folder, a link, a pipe or a device.
    """
    descriptor = os.open(path, os.O_RDONLY | BINARY | ITSELF)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _no_file(path)
    return os.fdopen(descriptor, "rb")


def write_private(path: Path, content: bytes) -> None:
    """Create or replace a private file in one step, so that no reader sees part of it; raises `OSError`."""
    make_private_folder(path.parent)
    descriptor, name = tempfile.mkstemp(prefix=UNFINISHED, dir=path.parent)  # mkstemp creates it with 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.replace(name, path)
    except OSError:
        with suppress(OSError):  # the folder was deleted; the reason above it is the better one
            os.unlink(name)
        raise


def remove_unfinished(folder: Path) -> None:
    """Remove what writers that were killed left in a folder; what cannot be listed or removed stays."""
    for file in _listed(folder, f"{UNFINISHED}*"):
        with suppress(OSError):
            if time.time() - file.lstat().st_mtime > UNFINISHED_SECONDS:
                file.unlink()


def _listed(folder: Path, pattern: str) -> list[Path]:
    try:
        return list(folder.glob(pattern))
    except OSError:
        return []


def make_private_folder(folder: Path) -> None:
    """
    Create a folder and its missing parents, each with mode 0700; raises `OSError`.

    `mkdir(parents=True)` would create the parents with the default mode.
    """
    missing = list(takewhile(lambda step: not step.exists(), (folder, *folder.parents)))
    for step in reversed(missing):
        step.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)


def make_own_folder(folder: Path) -> None:
    """
    Create a folder that is ours alone, or give the one that exists the mode 0700; folders above it keep their modes.

    Raises:
        OSError: when it cannot be created, or a link stands in its place.
    """
    make_private_folder(folder)
    state = folder.lstat()
    if stat.S_ISLNK(state.st_mode):
        raise OSError(errno.ELOOP, "a symbolic link, which is not followed", str(folder))
    if _is_open_to_others(state):
        folder.chmod(PRIVATE_FOLDER)


def check_writable(folder: Path) -> None:
    """Write a file into a folder, which is created if it is missing, and remove it again; raises `OSError`."""
    make_private_folder(folder)
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"a disk may be full")
        file.flush()


def temporary_folder() -> Path:
    """
    Return the folder for temporary files.

    Raises:
        FileNotFoundError: when none can be written; `tempfile` would then take the current folder, the user's project.
    """
    folder = tempfile.gettempdir()
    named = [os.path.abspath(name) for variable in TEMPORARY_VARIABLES if (name := os.environ.get(variable))]
    if folder not in {*named, *TEMPORARY_FOLDERS} and _is_current(folder):
        raise FileNotFoundError(errno.ENOENT, "there is no folder for temporary files", folder)
    return Path(folder)


def _make_private(descriptor: int, path: Path) -> None:
    """Give an open file the mode 0600; raises `OSError` if it is none, or is another user's."""
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode):
        raise _no_file(path)
    if _user() not in {None, 0, state.st_uid}:
        raise PermissionError(errno.EPERM, "it belongs to another user", str(path))
    if _is_open_to_others(state):
        os.fchmod(descriptor, PRIVATE_FILE)


def _is_open_to_others(state: os.stat_result) -> bool:
    """Return whether a mode lets others in, and is ours to change."""
    return bool(state.st_mode & OTHERS) and state.st_uid == _user()


def _user() -> int | None:
    """Return the number of our user; Windows has none, and access lists in place of modes."""
    number: Callable[[], int] | None = getattr(os, "geteuid", None)
    return None if number is None else number()


def _no_file(path: Path) -> OSError:
    return OSError(errno.EINVAL, "not a regular file", str(path))


def _is_current(folder: str) -> bool:
    try:
        return folder == os.getcwd()
    except OSError:  # it was deleted
        return False
