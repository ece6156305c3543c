"""Whether the process that made a file is still running."""

import os


def is_running(pid: int) -> bool:
    """Return whether a process is running; on Windows, where asking would end it, that it is."""
    if os.name == "nt":
        return True  # signal 0 is Ctrl-C there
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):  # no process has a number of that size
        return False
    except OSError:
        return True  # a process of another user
    return True
