"""Files that only their owner may read, grown line by line or written whole."""

import os
import tempfile
from pathlib import Path

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700


def open_for_appending(path: Path) -> int:
    """
    Return a descriptor for a private file, made with the folders it needs; raises `OSError`.

    A line written to it with one `os.write` cannot mix with the lines of another process (POSIX: O_APPEND).
    """
    make_private(path.parent)
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)


def write_whole(path: Path, content: bytes) -> None:
    """Put a private file in its place in one move, so that nobody ever reads half of it; raises `OSError`."""
    make_private(path.parent)
    descriptor, name = tempfile.mkstemp(prefix=".unfinished-", dir=path.parent)  # for its owner alone
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.replace(name, path)
    except OSError:
        os.unlink(name)
        raise


def make_private(folder: Path) -> None:
    """Make a folder and those above it that are missing; `mkdir(parents=True)` would give those the usual mode."""
    missing = [step for step in (folder, *folder.parents) if not step.exists()]
    for step in reversed(missing):
        step.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
