"""Claude Code for this run: the user's own, or one that is installed into the user's cache folder."""

import asyncio
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Protocol

from anyclaude.engine import Progress
from anyclaude.errors import ClientUnavailable
from anyclaude.storage import make_private_folder
from anyclaude.storage.process_lock import exclusive_lock

from .finding import Client, Machine, users_client
from .platform_package import PlatformPackage, platform_package

INSTALLER = "anyclaude.launcher.client.registry"
"""Loaded for an installation only: its library takes a tenth of a second."""

VERSION = re.compile(r"[A-Za-z0-9][\w.+-]*")
"""The number of a release, or a tag such as `latest`; it is part of a folder's name."""


FREE_LOCK_SECONDS = 0.5
"""A lock that is free is held sooner than this."""


class Installer(Protocol):
    """The function `install` of the module `INSTALLER`."""

    async def __call__(self, machine: Machine, package: PlatformPackage, folder: Path, progress: Progress) -> Path:
        """Put the program into a folder."""


async def provide_client(machine: Machine, progress: Progress) -> Client:
    """Return the user's own client, else ours, which is installed if necessary; raises `ClientUnavailable`."""
    return find_client(machine) or await _installed_now(machine, progress)


def find_client(machine: Machine) -> Client | None:
    """Return the client that exists: the user's own, or the one installed earlier; raises `ClientUnavailable`."""
    if client := users_client(machine):
        return client
    package = platform_package()
    return _installed(machine, package) if package and VERSION.fullmatch(machine.version) else None


def _installed(machine: Machine, package: PlatformPackage) -> Client | None:
    program = machine.folder(package) / package.program
    return Client((str(program),), is_native=True) if os.access(program, os.X_OK) else None


async def _installed_now(machine: Machine, progress: Progress) -> Client:
    if not VERSION.fullmatch(machine.version):
        raise ClientUnavailable(f"{machine.version!r} is not a version of Claude Code; correct claude_version")
    package = platform_package()
    if package is None:
        raise ClientUnavailable(
            "Claude Code is not on the PATH, and there is none to download for this platform: it exists for Linux, "
            "macOS and Windows on x64 and arm64. Put a `claude` that runs here on the PATH"
        )
    folder = machine.folder(package)
    try:
        make_private_folder(folder.parent)
        async with _turn(folder.with_name(f"{folder.name}.lock"), progress):
            return _installed(machine, package) or await _install(machine, package, progress)
    except OSError as error:
        raise ClientUnavailable(
            f"Claude Code is not installed, and cannot be installed into {folder.parent}: {error.strerror or error}. "
            "Set ANYCLAUDE_CACHE_DIR to a folder with enough space that you may write to, or put `claude` on the PATH"
        ) from error


@asynccontextmanager
async def _turn(lock: Path, progress: Progress) -> AsyncIterator[None]:
    """Hold the lock for the time of the block; say it if another process has it."""
    waiting = asyncio.create_task(_say_that_another_installs(progress))
    try:
        async with exclusive_lock(lock):
            waiting.cancel()
            await asyncio.wait((waiting,))
            yield
    finally:
        waiting.cancel()
        await asyncio.wait((waiting,))


async def _say_that_another_installs(progress: Progress) -> None:
    await asyncio.sleep(FREE_LOCK_SECONDS)
    progress.started("Another anyclaude installs Claude Code; waiting for it", None)
    try:
        await asyncio.Event().wait()
    finally:
        progress.finished()


async def _install(machine: Machine, package: PlatformPackage, progress: Progress) -> Client:
    """Install into another folder, which gets its name when it is complete."""
    folder = machine.folder(package)
    prefix = f"{folder.name}.unfinished-"
    for unfinished in folder.parent.glob(f"{prefix}*"):
        await asyncio.to_thread(shutil.rmtree, unfinished, ignore_errors=True)
    install: Installer = import_module(INSTALLER).install
    place = Path(tempfile.mkdtemp(prefix=prefix, dir=folder.parent))
    try:
        program = await install(machine, package, place, progress)
        if not os.access(program, os.X_OK):
            raise ClientUnavailable(
                f"No program can be executed in {folder.parent}, where Claude Code would be installed; "
                "set ANYCLAUDE_CACHE_DIR to another folder, or put `claude` on the PATH"
            )
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        os.rename(place, folder)
    finally:
        shutil.rmtree(place, ignore_errors=True)  # what is left of an installation that failed
    return Client((str(folder / package.program),), is_native=True)
