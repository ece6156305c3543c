"""Servers that pip installs: each into its own environment in the user's cache, never into the project's."""

import hashlib
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from tests.parts.weights import tests_cache

PYTHON = "3.11"
"""All these servers have wheels for it."""

INSTALL_SECONDS = 1_800

COMPLETE = "installation-complete"
"""The file that is written last."""


class InstallFailed(Exception):
    """A server could not be installed; the message ends with the installer's output."""


@dataclass(frozen=True, slots=True)
class PythonEnvironment:
    """A server from PyPI: what is installed, in pinned versions, and what has to be mended afterwards."""

    program: str
    """The program in the environment's `bin`."""
    requirements: tuple[str, ...]
    uninstalled: tuple[str, ...] = ()
    """Dependencies whose wheels do not fit the machine, and which the server does without."""
    stated_versions: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Versions by the name under which the server looks itself up, where its package has another name."""

    @property
    def folder(self) -> Path:
        """The environment's folder; it has another name when anything that is installed changes."""
        recipe = repr((self.requirements, self.uninstalled, dict(self.stated_versions), PYTHON))
        return tests_cache() / "environments" / f"{self.program}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"

    @property
    def is_installed(self) -> bool:
        """Whether the environment is complete."""
        return (self.folder / COMPLETE).exists()

    def command(self) -> tuple[str, ...]:
        """Return the command that starts the program."""
        return (str(self.folder / "bin" / self.program),)

    def environment(self) -> Mapping[str, str]:
        """Return what the program has to find in its environment: no model hub, which no test may reach."""
        return {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tests_cache() / "hugging-face")}

    def install(self) -> None:
        """
        Install the server; an environment that is not complete is made anew.

        pip installs, because it takes the machine's own settings, such as a folder of wheels.

        Raises:
            InstallFailed: when a step fails.
        """
        shutil.rmtree(self.folder, ignore_errors=True)
        run_installer("uv", "venv", "--quiet", "--seed", "--python", PYTHON, str(self.folder))
        python = str(self.folder / "bin" / "python")
        run_installer(python, "-m", "pip", "install", "--quiet", *self.requirements)
        if self.uninstalled:
            run_installer(python, "-m", "pip", "uninstall", "--quiet", "--yes", *self.uninstalled)
        packages = self.folder / "lib" / f"python{PYTHON}" / "site-packages"
        for name, version in self.stated_versions.items():
            _state_version(packages, name, version)
        (tests_cache() / "hugging-face/hub").mkdir(parents=True, exist_ok=True)
        (self.folder / COMPLETE).touch()


def run_installer(*command: str) -> None:
    """Run one step of an installation; raises `InstallFailed` with the end of its output."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=INSTALL_SECONDS)
    if done.returncode:
        raise InstallFailed(f"{' '.join(command)} ended with status {done.returncode}:\n{done.stderr[-2_000:]}")


def _state_version(packages: Path, name: str, version: str) -> None:
    folder = packages / f"{name}-{version}.dist-info"
    folder.mkdir(exist_ok=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
