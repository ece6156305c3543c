"""The user's own Claude Code: the program that was set, or one on the PATH."""

import os
import shutil
import string
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from anyclaude.errors import ClientUnavailable
from anyclaude.network import Network

from .in_place import SCRIPTS_OF_NODE, is_script, programs_tried
from .platform_package import PACKAGE, PlatformPackage

OUR_NAME = "anyclaude"
FORMATS = (b"#!", b"MZ")
"""How a script, and a program of Windows begin; all others begin with bytes that are no text, as `\\x7fELF`."""

TEXT = string.printable.encode()

SCRIPT_BYTES = 4096
"""The console scripts that installers write are shorter than 1 kB."""


class Client(Struct, frozen=True):
    """A Claude Code that can be executed; `is_native` is false for the releases in JavaScript, up to 2.1.112."""

    command: tuple[str, ...]
    is_native: bool


class Machine(Struct, frozen=True):
    """
    Where to look, and where to install; `path` is the program that the user set.

    `network` are the ways to servers, `parent` is the parent of our process.
    """

    environment: Mapping[str, str]
    cache: Path
    version: str
    path: Path | None = None
    network: Network = Network()
    parent: int = 0

    @property
    def is_in_place_of_client(self) -> bool:
        """Whether another anyclaude has started us for Claude Code: the client is then the next program that is one."""
        return bool(programs_tried(self.environment, self.parent))

    def folder(self, package: PlatformPackage) -> Path:
        """Return the folder of our own client; homes are shared by machines of several platforms."""
        return self.cache / "claude-code" / f"{self.version}-{package.platform}"


def users_client(machine: Machine) -> Client | None:
    """
    Return the client of the user's: the one that was set, else the first on the PATH that does not lead back to us.

    Raises:
        ClientUnavailable: when the program that was set cannot be executed.
    """
    tried = {Path(program).resolve() for program in programs_tried(machine.environment, machine.parent)}
    if machine.path is not None and not _can_be_executed(_program_of_package(machine.path)):
        raise ClientUnavailable(f"{machine.path} cannot be executed; correct claude_path")
    for program in map(_program_of_package, _programs(machine)):
        if not _can_be_executed(program):
            continue
        if program.resolve() not in tried and not _is_anyclaude(program):
            return Client((str(program),), is_native=program.resolve().suffix not in SCRIPTS_OF_NODE)
    return None


def _programs(machine: Machine) -> Iterator[Path]:
    if machine.path is not None:
        yield machine.path
    for folder in machine.environment.get("PATH", "").split(os.pathsep):
        if program := shutil.which("claude", path=os.path.abspath(folder)):
            yield Path(program)


def _program_of_package(program: Path) -> Path:
    """
    Return the program that lies beside npm's package, where the package's own is only the notice that it is missing.

    The install script would put it there; npm, pnpm and bun may be set up to run none.
    """
    target = program.resolve()
    if _has_format(target) or target.name != "claude.exe":
        return program
    package = target.parent.parent
    platforms = (*package.glob(f"node_modules/{PACKAGE}-*/claude"), *package.parent.glob(f"{package.name}-*/claude"))
    return next((one for one in sorted(platforms) if _can_be_executed(one)), program)


def _can_be_executed(program: Path) -> bool:
    return os.access(program, os.X_OK) and not program.is_dir() and _has_format(program)


def _has_format(program: Path) -> bool:
    """Return whether the system can execute a file's content: a text has to name its interpreter."""
    try:
        with program.open("rb") as file:
            head = file.read(4)
    except OSError:
        return True  # it may be executable without being readable
    return head[:2] in FORMATS or any(byte not in TEXT for byte in head)


def _is_anyclaude(program: Path) -> bool:
    """Return whether a program is our own command, under whatever name."""
    target = program.resolve()
    if target.name == OUR_NAME:
        return True
    if not is_script(target):
        return False
    with target.open("rb") as file:
        return b"from anyclaude.cli import" in file.read(SCRIPT_BYTES)
