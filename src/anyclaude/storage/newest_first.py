"""Files of a folder by the time of their last change."""

from contextlib import suppress
from pathlib import Path


def files_newest_first(folder: Path, pattern: str) -> list[Path]:
    """
    Return the files whose names match a glob pattern, the most recently changed first.

    Files that another process removes meanwhile are left out; a folder that cannot be listed has none.
    """
    dated: list[tuple[int, Path]] = []
    with suppress(OSError):
        for file in folder.glob(pattern):
            with suppress(OSError):
                dated.append((file.stat().st_mtime_ns, file))
    return [file for _, file in sorted(dated, reverse=True)]


def remove_all_but_newest(folder: Path, pattern: str, count: int) -> None:
    """Remove matching files but the newest `count`; one that cannot be removed is tried again at the next call."""
    for file in files_newest_first(folder, pattern)[count:]:
        with suppress(OSError):
            file.unlink()
