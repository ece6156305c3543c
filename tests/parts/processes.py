"""The state of processes, also of those that are not our children."""

import psutil  # type: ignore[import-untyped]  # it ships no types

LONG_SECONDS = 60.0
"""A limit for a busy machine; processes normally end within milliseconds."""


def is_running(pid: int) -> bool:
    """Return whether a process is running; a zombie is not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def wait_for_end(pid: int) -> bool:
    """Wait for a process to end, and return whether it has."""
    try:
        process = psutil.Process(pid)
        if process.status() != psutil.STATUS_ZOMBIE:
            psutil.wait_procs([process], timeout=LONG_SECONDS)
    except psutil.NoSuchProcess:
        return True
    return not is_running(pid)


def children_of(pid: int) -> list[int]:
    """Return the descendants of a process."""
    return [child.pid for child in psutil.Process(pid).children(recursive=True)]
