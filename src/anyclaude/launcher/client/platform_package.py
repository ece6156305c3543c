"""The npm package that holds Claude Code for this platform: `@anthropic-ai/claude-code-linux-x64` and its siblings."""

import platform
import sys
from pathlib import Path

from msgspec import Struct

PACKAGE = "@anthropic-ai/claude-code"

SYSTEMS = ("linux", "darwin", "win32")
"""What both Python and Node call the systems that there are packages for (`npm view`, 2.1.332)."""

PROCESSORS = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}
"""Node's names of the processors, by those of `uname`."""

ROOT = Path("/")


class PlatformPackage(Struct, frozen=True):
    """A package: its name is `PACKAGE`, `-`, and the platform."""

    platform: str

    @property
    def name(self) -> str:
        """The package's whole name."""
        return f"{PACKAGE}-{self.platform}"

    @property
    def program(self) -> str:
        """The file name of the program in it."""
        return "claude.exe" if self.platform.startswith("win32") else "claude"


def platform_package(
    system: str = sys.platform, processor: str = platform.machine(), root: Path = ROOT
) -> PlatformPackage | None:
    """Return the package for a platform, if there is one; `root` is the root of its files."""
    architecture = PROCESSORS.get(processor.lower())
    if system not in SYSTEMS or architecture is None:
        return None
    libc = "-musl" if system == "linux" and _has_musl(root) else ""
    return PlatformPackage(f"{system}-{architecture}{libc}")


def _has_musl(root: Path) -> bool:
    """
    Return whether the system's C library is musl.

    Its `ldd` says so, also where compatibility packages add the other library's loader (as detect-libc on npm does it).
    Our own Python says nothing: there are static builds.
    """
    try:
        ldd = (root / "usr/bin/ldd").read_bytes()
    except OSError:
        ldd = b""
    if b"musl" in ldd or b"GNU" in ldd:
        return b"musl" in ldd
    return any(root.glob("lib/ld-musl-*")) and not any(root.glob("lib*/ld-linux*"))
