"""A program that stands in for Claude Code: it reports its arguments and environment, then obeys its last argument."""

import json
import stat
import sys
from pathlib import Path

from msgspec import Struct

PROGRAM = """\
import json, os, signal, sys
sys.stdout.write(json.dumps({
    "arguments": sys.argv[1:], "environment": dict(os.environ), "pid": os.getpid(), "parent": os.getppid(),
    "stdin_is_terminal": sys.stdin.isatty(),
}) + "\\n")
sys.stdout.flush()
signal.signal(signal.SIGINT, signal.SIG_DFL)
last = sys.argv[-1] if len(sys.argv) > 1 else ""
if last.startswith("exit-"):
    sys.exit(int(last[5:]))
if last.startswith("die-"):
    os.kill(os.getpid(), int(last[4:]))
if last == "echo":
    sys.stdout.write(sys.stdin.read())
if last == "stubborn":
    helper = os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, "-IS", "-c", "import signal; signal.pause()"])
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdout.write(f"{helper}\\n")
    sys.stdout.flush()
if last in ("wait", "stubborn"):
    while True:
        signal.pause()
"""


class ClientReport(Struct, frozen=True):
    """The first line of the program's output."""

    arguments: list[str]
    environment: dict[str, str]
    pid: int
    parent: int
    stdin_is_terminal: bool


def program_text(python: Path = Path(sys.executable)) -> str:
    """Return the whole program, to be run by this Python."""
    return f"#!{python} -IS\n{PROGRAM}"


def write_fake_client(folder: Path, python: Path = Path(sys.executable)) -> Path:
    """Write the program, to be run by this Python, and return its path."""
    program = folder / "claude"
    program.write_text(program_text(python))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


def client_report(line: str | bytes) -> ClientReport:
    """Parse the first line of the program's output."""
    return ClientReport(**json.loads(line))
