"""
Claude Code itself: found where the user has it, or installed from npm into the user's cache folder.

From release 2.1.113 on the npm package is a wrapper; the program comes in a second package, one for each platform
(`optionalDependencies`), and the install script only links the two.  So the program is started where npm put it, and
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
from anyclaude.storage import exclusive_lock, make_private_folder

PACKAGE = "@anthropic-ai/claude-code"

OLDEST_NODE = 20
"""npm of Node.js 20 installs every release (tested with 20.20); the program brings its own runtime."""

INSTALLED_BYTES = 381_400_000
"""What `CLIENT_VERSION` takes on Linux x64; on other platforms about as much."""

POLL_SECONDS = 0.25
"""How often the folder is measured while npm fills it."""

WHERE_FROM = (
    "Install Node.js 20 or later from https://nodejs.org, or Claude Code itself from https://claude.com/claude-code"
)


class Client(Struct, frozen=True):
    """A Claude Code that can be started; `is_native` is false for the releases in JavaScript, up to 2.1.112."""

    command: tuple[str, ...]
    is_native: bool


class Machine(Struct, frozen=True):
    """Where to look, and where to install; `path` is the client as the user named it."""

    environment: Mapping[str, str]
    cache: Path
    version: str
    path: Path | None = None


async def provide_client(machine: Machine, progress: Progress) -> Client:
    """Return the user's own client, else ours, which is installed first if need be; raises `ClientUnavailable`."""
    return find_client(machine) or await _install(machine, progress)


def find_client(machine: Machine) -> Client | None:
    """Return the client that is there already: the one named, the one on the PATH, the one installed before."""
    if machine.path is not None:
        if not os.access(machine.path, os.X_OK) or machine.path.is_dir():
            raise ClientUnavailable(f"{machine.path} is no program that can be started; correct claude_path")
        return _described(machine.path)
    if on_path := _which("claude", machine):
        return _described(on_path)
    return _installed(_folder(machine), machine)


def _described(program: Path) -> Client:
    return Client((str(program),), is_native=program.resolve().suffix not in {".js", ".cjs", ".mjs"})


def _folder(machine: Machine) -> Path:
    return machine.cache / "claude-code" / machine.version


def _installed(folder: Path, machine: Machine) -> Client | None:
    """Return the client in a folder that npm has filled."""
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
            return client  # by another anyclaude, while we waited
        for unfinished in folder.parent.glob(f"{machine.version}.unfinished-*"):
            await asyncio.to_thread(shutil.rmtree, unfinished, ignore_errors=True)
        place = Path(tempfile.mkdtemp(prefix=f"{machine.version}.unfinished-", dir=folder.parent))
        await _fill(npm, place, machine, progress)
        if _installed(place, machine) is None:
            raise ClientUnavailable(
                f"npm installed {PACKAGE}@{machine.version}, but it holds no program for this platform. "
                "Put a `claude` that runs here on the PATH"
            )
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        os.rename(place, folder)
    client = _installed(folder, machine)
    assert client is not None  # it was there before the folder got its name
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
    """Let npm install into `place`, with the user's own npm configuration."""
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
        _, said = await process.communicate()
    finally:
        measuring.cancel()
        await asyncio.wait((measuring,))
        progress.finished()
        _end_group(process)
    if process.returncode:
        crash_reason = said.decode(errors="replace").strip()[-1500:]
        raise ClientUnavailable(f"npm could not install {package}:\n{crash_reason}\n{WHERE_FROM}")


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
            with suppress(OSError):  # npm moves files while we look
                total += os.lstat(os.path.join(parent, name)).st_size
    return total


def _end_group(process: Process) -> None:
    """End npm and what it started; only where we were cancelled is there anything left."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _which(name: str, machine: Machine) -> Path | None:
    found = shutil.which(name, path=machine.environment.get("PATH", ""))
    return Path(found) if found else None
