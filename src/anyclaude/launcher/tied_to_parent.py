"""
Becomes another program that ends when its parent does; run by its path, so it imports nothing of anyclaude.

    python tied_to_parent.py PARENT_PID PROGRAM [ARGUMENT…]

Linux sends a process the signal it asked for when its parent is gone (prctl(2), PR_SET_PDEATHSIG), even if the parent
was killed with SIGKILL, and `execve` keeps this setting.  A separate program makes it safe: no Python code may run
between `fork` and `exec` of a process with threads.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
SIGTERM = 15
"""Its number on Linux (signal(7)); importing `signal` would take a fifth of this program's time."""


def main() -> None:
    """Ask for the signal, check that the parent has not ended meanwhile, and become the program."""
    parent, program = int(sys.argv[1]), sys.argv[2]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, SIGTERM)
    if os.getppid() != parent:
        sys.exit(128 + SIGTERM)
    os.execv(program, sys.argv[2:])


if __name__ == "__main__":
    main()
