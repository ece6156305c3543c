"""The releases of Claude Code that the tests run, installed from npm once per user of the machine.

Only `npm` itself runs with the machine's configuration; the installed clients never do.
"""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

PACKAGE = "@anthropic-ai/claude-code"

TESTED = "2.1.332"
"""The release that anyclaude installs; from 2.1.113 on the package only contains a binary for each platform."""

ANOTHER = "ANYCLAUDE_TEST_CLIENT"
"""The variable that names a release or a tag, such as `latest`, to test in place of `TESTED`."""

JAVASCRIPT = "2.1.112"
"""The last release in JavaScript, which speaks an older dialect of the protocol."""

INSTALL_SECONDS = 600
"""A native release is about 400 MB."""


@dataclass(frozen=True, slots=True)
class Client:
    """One installed release, and the command that starts it."""

    version: str
    command: tuple[str, ...]


class InstallFailed(Exception):
    """npm could not install the release; the message ends with npm's output."""


def native_release(environment: Mapping[str, str]) -> str:
    """Return the number of the native release to test; a tag is looked up in the registry."""
    wanted = environment.get(ANOTHER) or TESTED
    if wanted[0].isdigit():
        return wanted
    return _npm("view", f"{PACKAGE}@{wanted}", "version").strip()


def installed_client(version: str, cache: Path | None = None) -> Client:
    """Return the release, after installing it if necessary; concurrent tests wait for each other."""
    prefix = (cache or user_cache_path("anyclaude-tests")) / "claude-code" / version
    prefix.parent.mkdir(parents=True, exist_ok=True)
    with _locked(prefix.with_name(f"{version}.lock")):
        if not prefix.is_dir():
            _install(version, prefix)
    return Client(version, _command(prefix / "node_modules"))


def _install(version: str, prefix: Path) -> None:
    """Install into another folder, and rename that folder to `prefix` when it is complete."""
    unfinished = prefix.with_name(f"{version}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    _npm("install", "--no-audit", "--no-fund", "--prefix", str(unfinished), f"{PACKAGE}@{version}")
    unfinished.rename(prefix)


def _npm(*arguments: str) -> str:
    """Run npm, and return its output."""
    result = subprocess.run(
        (_program("npm"), *arguments),
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if result.returncode:
        raise InstallFailed(f"npm {' '.join(arguments)} failed: {result.stderr[-2000:]}")
    return result.stdout


def _command(modules: Path) -> tuple[str, ...]:
    """Return the command of the native binary, which is in a package named after its platform, or of the script."""
    for binary in sorted(modules.glob(f"{PACKAGE}-*/claude")):
        if os.access(binary, os.X_OK):
            return (str(binary),)
    script = modules / PACKAGE / "cli.js"
    if not script.is_file():
        raise InstallFailed(f"{modules} contains no Claude Code for this platform; remove it to install it again.")
    return (_program("node"), str(script))


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise InstallFailed(f"{name} is not on the PATH; the tests with the real client need Node.js 20 or later.")
    return found


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


NATIVE = native_release(os.environ)
"""The native release that the tests run."""

VERSIONS = (NATIVE, JAVASCRIPT)
