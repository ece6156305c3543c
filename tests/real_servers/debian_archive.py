"""
Programs from Debian's archive, unpacked into the user's cache: nothing is installed, and no root is needed.

apt resolves, downloads and verifies the packages with a configuration of its own, which names Debian's unstable suite:
it has llama.cpp, which no stable release has.
"""

import platform
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.parts.weights import tests_cache

from .environments import InstallFailed, run_installer

SUITE = "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian sid main\n"

LIBRARIES = Path("usr/lib/x86_64-linux-gnu")

MODERN_CPU = frozenset({"avx2", "fma", "f16c", "bmi2"})
"""The instructions of ggml's build `haswell`, which every x86 server of the last ten years has."""


@dataclass(frozen=True, slots=True)
class DebianProgram:
    """A program of a package, with all the libraries it needs, down to the C library."""

    package: str
    program: str

    @property
    def folder(self) -> Path:
        """The folder into which the packages are unpacked."""
        return tests_cache() / "debian" / self.package

    @property
    def is_installed(self) -> bool:
        """Whether the packages are unpacked."""
        return self.folder.exists()

    def command(self) -> tuple[str, ...]:
        """Return the command that starts the program, by the loader it was built for."""
        libraries = self.folder / LIBRARIES
        paths = ":".join(map(str, (libraries / "llama", libraries)))
        program = self.folder / "usr/bin" / self.program
        return (str(libraries / "ld-linux-x86-64.so.2"), "--library-path", paths, str(program))

    def environment(self) -> Mapping[str, str]:
        """Return where ggml finds its kernels: it looks beside the loader, which is not where they are."""
        kernels = "haswell" if _cpu_flags() >= MODERN_CPU else "x64"
        return {"GGML_BACKEND_PATH": str(self.folder / LIBRARIES / "ggml/backends0" / f"libggml-cpu-{kernels}.so")}

    def install(self) -> None:
        """
        Download the newest packages, and unpack them.

        Raises:
            InstallFailed: when the machine is not a Debian on x86-64, or a step fails.
        """
        if platform.machine() != "x86_64" or shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
            raise InstallFailed(
                f"{self.package} comes from Debian's archive, for x86-64: it needs apt-get and dpkg-deb"
            )
        unfinished = self.folder.with_name(f"{self.package}.unfinished")
        for folder in (unfinished, self.folder):
            shutil.rmtree(folder, ignore_errors=True)
        apt = _apt_configuration(unfinished / "apt")
        run_installer("apt-get", *apt, "update")
        run_installer("apt-get", *apt, "install", "--yes", "--download-only", self.package)
        for file in (unfinished / "apt/archives").glob("*.deb"):
            run_installer("dpkg-deb", "--extract", str(file), str(unfinished))
        shutil.rmtree(unfinished / "apt")
        unfinished.rename(self.folder)


def _apt_configuration(folder: Path) -> tuple[str, ...]:
    """Return apt's options for a state of its own, in which no package is installed."""
    for name in ("lists/partial", "archives/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "sources.list").write_text(SUITE)
    (folder / "status").touch()
    options = {
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Dir::State": folder,
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder,
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "root",  # apt's own user may not read a folder in the user's cache
    }
    return tuple(word for name, value in options.items() for word in ("-o", f"{name}={value}"))


def _cpu_flags() -> frozenset[str]:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return frozenset(next((line for line in lines if line.startswith("flags")), "").split())
