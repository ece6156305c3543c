"""What the reading process may use: memory, processors, files; where the system has such limits."""

import ctypes
import os
import sys
from contextlib import suppress

try:
    import resource
except ImportError:  # Windows
    HAS_RESOURCE = False
else:
    HAS_RESOURCE = True

MEMORY_BYTES = 1024 * 1024 * 1024
"""The addresses that the process may use: a picture of 100 megapixels has 400 MB, and the libraries take 300 MB."""

NICE = 10
"""How much the process gives way to others."""

OPEN_FILES = 64

PR_SET_PDEATHSIG = 1
SIGKILL = 9


def confine() -> None:
    """Limit this process for good, and have the system end it with its parent, where it can (prctl(2))."""
    with suppress(OSError, AttributeError):
        os.nice(NICE)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, SIGKILL)
    if HAS_RESOURCE:
        _limit(resource.RLIMIT_AS, MEMORY_BYTES)
        _limit(resource.RLIMIT_NOFILE, OPEN_FILES)
        _limit(resource.RLIMIT_FSIZE, 0)
        _limit(resource.RLIMIT_CORE, 0)


def allow_cpu(seconds: int) -> None:
    """Let this process be killed when it has worked for so many seconds from now on."""
    if not HAS_RESOURCE:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    limit = int(used.ru_utime + used.ru_stime) + seconds + 1
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


def _limit(what: int, at_most: int) -> None:
    with suppress(ValueError, OSError):  # macOS refuses some
        resource.setrlimit(what, (at_most, at_most))
