"""What every program relies on, and not every machine has: a home folder, one for temporary files, open streams."""

import io
import os
import sys
from collections.abc import Callable, MutableMapping
from pathlib import Path

from anyclaude.settings import home_folder


def open_closed_streams() -> None:
    """
    Open each standard stream that was closed when we were started, as the null device.

    Otherwise the next file or socket gets its number, and the client would take that for its terminal.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # opens the lowest free number, which is this one
    if sys.stdin is None:
        sys.stdin = open(os.devnull)  # noqa: SIM115  # until the process ends
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name may not be text, and not every terminal has "…"


def settle(environment: MutableMapping[str, str], say: Callable[[str], None]) -> None:
    """Make HOME name a folder, and TMPDIR one that can be written: for us, and for the programs that we start."""
    environment["HOME"] = str(home_folder(environment))
    temporary = environment.get("TMPDIR")
    if temporary and not _takes_files(temporary):
        del environment["TMPDIR"]  # Claude Code would not start
        say(f"TMPDIR names {temporary}, which is no folder that can be written; the system's own is used")


def _takes_files(folder: str) -> bool:
    file = os.path.join(folder, f".anyclaude-{os.getpid()}")
    try:
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        os.unlink(file)
    except OSError:
        return False
    return True


def current_folder() -> Path:
    """Return the current folder, and an empty path if it was deleted."""
    try:
        return Path.cwd()
    except OSError:
        return Path()
