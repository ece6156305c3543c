"""Files and folders that only their owner can read, whatever the umask is."""

import errno
import os
import tempfile
from itertools import takewhile
from pathlib import Path

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700

BINARY: int = getattr(os, "O_BINARY", 0)
"""On Windows, files are otherwise opened as text, and every newline that is written becomes two characters."""

TEMPORARY_VARIABLES = ("TMPDIR", "TEMP", "TMP")
TEMPORARY_FOLDERS = ("/tmp", "/var/tmp", "/usr/tmp")
"""Where `tempfile` looks on POSIX systems before it takes the current folder."""


def open_private_append(path: Path) -> int:
    """
    Return a descriptor that reads and appends; the file and its missing folders are created.  Raises `OSError`.

    The mode of a file or folder that exists is left as it is.  POSIX: with O_APPEND, what one `os.write` writes does
    not mix with the writes of other processes.
    """
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | BINARY
    try:
        return os.open(path, flags, PRIVATE_FILE)
    except FileNotFoundError:
        make_private_folder(path.parent)
        return os.open(path, flags, PRIVATE_FILE)


def write_private(path: Path, content: bytes) -> None:
    """Create or replace a private file in one step, so that no reader sees part of it; raises `OSError`."""
    make_private_folder(path.parent)
    descriptor, name = tempfile.mkstemp(prefix=".unfinished-", dir=path.parent)  # mkstemp creates it with 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.replace(name, path)
    except OSError:
        os.unlink(name)
        raise


def make_private_folder(folder: Path) -> None:
    """
    Create a folder and its missing parents, each with mode 0700; raises `OSError`.

    `mkdir(parents=True)` would create the parents with the default mode.
    """
    missing = list(takewhile(lambda step: not step.exists(), (folder, *folder.parents)))
    for step in reversed(missing):
        step.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)


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


def _is_current(folder: str) -> bool:
    try:
        return folder == os.getcwd()
    except OSError:  # it was deleted
        return False
