"""
Claude Code itself: the user's own installation, or one from npm in the user's cache folder.

From release 2.1.113 on the npm package is a wrapper; the program comes in a second package, one for each platform
(`optionalDependencies`), and the install script only links the two.  So the program is started from npm's folder, and
no install script has to run, which many machines forbid.
"""

import asyncio
import os
import shutil
import signal
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from anyclaude.claude_code import CLIENT_VERSION
from anyclaude.engine import Progress
from anyclaude.errors import ClientUnavailable
from anyclaude.storage import make_private_folder
from anyclaude.storage.process_lock import exclusive_lock

PACKAGE = "@anthropic-ai/claude-code"

OLDEST_NODE = 20
"""npm of Node.js 20 installs every release (tested with 20.20); the program brings its own runtime."""

INSTALLED_BYTES = 381_400_000
"""The size of `CLIENT_VERSION` on Linux x64; about the same on other platforms."""

POLL_SECONDS = 0.25
"""How often the folder is measured while npm installs into it."""

WHERE_FROM = (
    "Install Node.js 20 or later from https://nodejs.org, or Claude Code itself from https://claude.com/claude-code"
)


class Client(Struct, frozen=True):
    """A Claude Code that can be executed; `is_native` is false for the releases in JavaScript, up to 2.1.112."""

    command: tuple[str, ...]
    is_native: bool


class Machine(Struct, frozen=True):
    """Where to look, and where to install; `path` is the program that the user set."""

    environment: Mapping[str, str]
    cache: Path
    version: str
    path: Path | None = None


async def provide_client(machine: Machine, progress: Progress) -> Client:
    """Return the user's own client, else ours, which is installed if necessary; raises `ClientUnavailable`."""
    return find_client(machine) or await _install(machine, progress)


def find_client(machine: Machine) -> Client | None:
    """
    Return the client that exists: the one that was set, the one on the PATH, or the one installed earlier.

    Raises:
        ClientUnavailable: when the program that was set cannot be executed.
    """
    if machine.path is not None:
        if not os.access(machine.path, os.X_OK) or machine.path.is_dir():
            raise ClientUnavailable(f"{machine.path} cannot be executed; correct claude_path")
        return _described(machine.path)
    if on_path := _which("claude", machine):
        return _described(on_path)
    return _installed(_folder(machine), machine)


def _described(program: Path) -> Client:
    return Client((str(program),), is_native=program.resolve().suffix not in {".js", ".cjs", ".mjs"})


def _folder(machine: Machine) -> Path:
    return machine.cache / "claude-code" / machine.version


def _installed(folder: Path, machine: Machine) -> Client | None:
    """Return the client in a folder that npm has installed into."""
    modules = folder / "node_modules"
    for program in sorted(modules.glob(f"{PACKAGE}-*/claude")):
        if os.access(program, os.X_OK):
            return Client((str(program),), is_native=True)
    script = modules / PACKAGE / "cli.js"
    node = _which("node", machine)
    return Client((str(node), str(script)), is_native=False) if script.is_file() and node else None


async def _install(machine: Machine, progress: Progress) -> Client:
    npm = await _usable_npm(machine)
    folder = _folder(machine)
    make_private_folder(folder.parent)
    async with exclusive_lock(folder.with_name(f"{machine.version}.lock")):
        if client := _installed(folder, machine):
            return client  # installed by another process meanwhile
        for unfinished in folder.parent.glob(f"{machine.version}.unfinished-*"):
            await asyncio.to_thread(shutil.rmtree, unfinished, ignore_errors=True)
        place = Path(tempfile.mkdtemp(prefix=f"{machine.version}.unfinished-", dir=folder.parent))
        await _fill(npm, place, machine, progress)
        if _installed(place, machine) is None:
            raise ClientUnavailable(
                f"npm installed {PACKAGE}@{machine.version}, but it contains no program for this platform. "
                "Put a `claude` that runs here on the PATH"
            )
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        os.rename(place, folder)
    client = _installed(folder, machine)
    assert client is not None  # it was found before the folder was renamed
    return client


async def _usable_npm(machine: Machine) -> Path:
    npm, node = _which("npm", machine), _which("node", machine)
    if npm is None or node is None:
        missing = "npm" if npm is None else "node"
        raise ClientUnavailable(
            f"Claude Code is not on the PATH, and {missing}, to install it, is not either. {WHERE_FROM}"
        )
    process = await asyncio.create_subprocess_exec(
        node, "--version", stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL, env=dict(machine.environment)
    )
    answer, _ = await process.communicate()
    version = answer.decode(errors="replace").strip()
    major = version.lstrip("v").partition(".")[0]
    if not major.isdigit() or int(major) < OLDEST_NODE:
        raise ClientUnavailable(f"Claude Code is not on the PATH, and {node} is version {version or '?'}. {WHERE_FROM}")
    return npm


async def _fill(npm: Path, place: Path, machine: Machine, progress: Progress) -> None:
    """Run npm with the user's own configuration, to install into `place`."""
    package = f"{PACKAGE}@{machine.version}"
    options = ("--no-audit", "--no-fund", "--ignore-scripts", "--include=optional", "--loglevel=error")
    process = await asyncio.create_subprocess_exec(
        *(str(npm), "install", *options, "--prefix", str(place), package),
        cwd=place,
        env=dict(machine.environment),
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=PIPE,
        start_new_session=True,
    )
    total = INSTALLED_BYTES if machine.version == CLIENT_VERSION else None
    progress.started(f"Installing Claude Code {machine.version} from npm into {_folder(machine)}", total)
    measuring = asyncio.create_task(_measure(place, total, progress))
    try:
        _, errors = await process.communicate()
    finally:
        measuring.cancel()
        await asyncio.wait((measuring,))
        progress.finished()
        _end_group(process)
    if process.returncode:
        reason = errors.decode(errors="replace").strip()[-1500:]
        raise ClientUnavailable(f"npm could not install {package}:\n{reason}\n{WHERE_FROM}")


async def _measure(place: Path, total: int | None, progress: Progress) -> None:
    seen = 0
    while True:
        await asyncio.sleep(POLL_SECONDS)
        size = await asyncio.to_thread(_size_of, place)
        size = size if total is None else min(size, total)
        progress.advanced(max(size - seen, 0))
        seen = max(size, seen)


def _size_of(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # npm moves files meanwhile
                total += os.lstat(os.path.join(parent, name)).st_size
    return total


def _end_group(process: Process) -> None:
    """Kill npm and its children; they are still running only after a cancellation."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _which(name: str, machine: Machine) -> Path | None:
    found = shutil.which(name, path=machine.environment.get("PATH", ""))
    return Path(found) if found else None
