"""
Runs `anyclaude` as on a system without what is POSIX's own: python without_posix.py [ARGUMENT…]

Modules that Windows does not have cannot be imported, functions and constants are missing, and the event loop handles
no signals.  The standard library keeps what it needs itself to work on the system that the tests run on.
"""

import asyncio
import fcntl
import importlib.abc
import os
import signal
import socket
import sys
from functools import partial
from types import ModuleType
from typing import NoReturn

MODULES = frozenset({"fcntl", "grp", "pwd", "resource", "termios", "tty", "uvloop"})

FUNCTIONS = (
    *("fchmod", "fchown", "fork", "forkpty", "getegid", "geteuid", "getgid", "getpgid", "getpgrp", "getuid"),
    *("killpg", "pread", "pwrite", "sched_getaffinity", "setsid", "sysconf", "tcgetpgrp", "tcsetpgrp"),
)
CONSTANTS = ("O_ASYNC", "O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK")
SIGNALS = ("SIGHUP", "SIGIO", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGTSTP", "SIGWINCH", "SIGALRM", "SIGBUS", "SIGPIPE")


class Blocked(importlib.abc.MetaPathFinder):
    """Finds no module of `MODULES`."""

    def find_spec(self, name: str, path: object, target: object = None) -> None:
        """Refuse a module that Windows does not have."""
        if name in MODULES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


class ByteLocks(ModuleType):
    """Stands in for `msvcrt`, which Windows has."""

    LK_NBLCK = 2

    @staticmethod
    def locking(descriptor: int, mode: int, size: int) -> None:
        """Lock the file; raises `PermissionError`, as the original does, if another process has locked it."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise PermissionError(error.errno, error.strerror) from error


def refuse(*_: object) -> NoReturn:
    """Behave like the event loop of Windows."""
    raise NotImplementedError


def take_away() -> None:
    """Take away what Windows does not have."""
    import platformdirs  # noqa: F401  # it chooses its system by name, and imports what that has

    for name in MODULES:
        sys.modules.pop(name, None)
    sys.meta_path.insert(0, Blocked())
    sys.modules["msvcrt"] = ByteLocks("msvcrt")
    socket.socketpair = partial(socket.socketpair, socket.AF_UNIX)  # asyncio's own
    for owner, names in ((os, (*FUNCTIONS, *CONSTANTS)), (signal, SIGNALS), (socket, ("AF_UNIX",))):
        for name in names:
            if name in vars(owner):
                delattr(owner, name)
    asyncio.SelectorEventLoop.add_signal_handler = refuse  # type: ignore[assignment,method-assign]


if __name__ == "__main__":
    take_away()
    from anyclaude.cli import main

    main()
