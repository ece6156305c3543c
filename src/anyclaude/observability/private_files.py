"""Files that only their owner may read, grown line by line."""

import os
from pathlib import Path

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700


def open_for_appending(path: Path) -> int:
    """
    Return a descriptor for a private file, made with its folder if need be; raises `OSError`.

    A line written to it with one `os.write` cannot mix with the lines of another process (POSIX: O_APPEND).
    """
    path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
