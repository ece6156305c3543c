"""Whether a process still runs, whoever its parent is."""

import psutil  # type: ignore[import-untyped]  # it ships no types

LONG_SECONDS = 60.0
"""For a machine that is busy; what is waited for happens within milliseconds."""


def is_running(pid: int) -> bool:
    """Tell whether a process runs; one that has ended and that nobody has asked for its status does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def wait_for_end(pid: int) -> bool:
    """Wait until a process has ended, and tell whether it has."""
    try:
        process = psutil.Process(pid)
        if process.status() != psutil.STATUS_ZOMBIE:
            psutil.wait_procs([process], timeout=LONG_SECONDS)
    except psutil.NoSuchProcess:
        return True
    return not is_running(pid)


def children_of(pid: int) -> list[int]:
    """Return the processes below one, at every depth."""
    return [child.pid for child in psutil.Process(pid).children(recursive=True)]
