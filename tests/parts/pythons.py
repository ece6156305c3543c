"""The Python interpreters of this machine, and copies of them that every user may run."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

UNNEEDED = shutil.ignore_patterns("__pycache__", "site-packages", "test", "idlelib", "*.a", "share", "include")
"""The parts of an installation that a virtual environment does without."""

VERSION = "import sys; print('%d.%d' % sys.version_info[:2], sys.base_prefix)"


def python_named(version: str) -> Path | None:
    """Return the interpreter of a version such as 3.12, from the PATH, pyenv or uv."""
    for candidate in _candidates(version):
        asked = subprocess.run([candidate, "-c", VERSION], capture_output=True, text=True, check=False)
        found, _, prefix = asked.stdout.strip().partition(" ")
        if found == version:
            return Path(prefix, "bin", f"python{version}")
    return None


def runnable_by_all(python: Path, folder: Path) -> Path:
    """Return the interpreter, or a copy of its installation in `folder` if other users may not enter the original's."""
    if all(parent.stat().st_mode & 0o001 for parent in python.resolve().parents):
        return python
    shutil.copytree(python.parents[1], folder, symlinks=True, ignore=UNNEEDED, copy_function=_linked)
    return folder / "bin" / python.name


def _candidates(version: str) -> Iterator[str]:
    if on_path := shutil.which(f"python{version}"):
        yield on_path
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path("~/.pyenv").expanduser())
    yield from map(str, sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}")))
    if uv := shutil.which("uv"):
        asked = subprocess.run(
            [uv, "python", "find", "--no-project", "--managed-python", version],
            capture_output=True,
            text=True,
            check=False,
        )
        yield from asked.stdout.splitlines()


def _linked(source: str, target: str) -> None:
    """Link a file, or copy it to another file system."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
