"""The package for a platform."""

from pathlib import Path

import pytest

from anyclaude.launcher.client.platform_package import platform_package

GLIBC_LDD = "#!/usr/bin/bash\n# This file is part of the GNU C Library.\n"
MUSL_LDD = '#!/bin/sh\nexec /lib/ld-musl-x86_64.so.1 --list "$@"\n'


def root_with(folder: Path, ldd: str | None, *loaders: str) -> Path:
    """Make the root of a system's files."""
    (folder / "usr/bin").mkdir(parents=True)
    if ldd is not None:
        (folder / "usr/bin/ldd").write_text(ldd)
    for loader in loaders:
        (folder / loader).parent.mkdir(exist_ok=True)
        (folder / loader).write_text("")
    return folder


@pytest.mark.parametrize(
    ("system", "processor", "platform", "program"),
    [
        ("linux", "x86_64", "linux-x64", "claude"),
        ("linux", "aarch64", "linux-arm64", "claude"),
        ("darwin", "arm64", "darwin-arm64", "claude"),
        ("darwin", "x86_64", "darwin-x64", "claude"),
        ("win32", "AMD64", "win32-x64", "claude.exe"),
        ("win32", "ARM64", "win32-arm64", "claude.exe"),
    ],
)
def test_each_platform_has_its_package(
    tmp_path: Path, system: str, processor: str, platform: str, program: str
) -> None:
    package = platform_package(system, processor, tmp_path)

    assert package is not None
    assert (package.name, package.program) == (f"@anthropic-ai/claude-code-{platform}", program)


@pytest.mark.parametrize(("system", "processor"), [("freebsd14", "amd64"), ("linux", "riscv64"), ("linux", "")])
def test_another_platform_has_none(tmp_path: Path, system: str, processor: str) -> None:
    assert platform_package(system, processor, tmp_path) is None


@pytest.mark.parametrize(
    ("ldd", "loaders", "is_musl"),
    [
        (GLIBC_LDD, ["lib64/ld-linux-x86-64.so.2"], False),
        (GLIBC_LDD, ["lib64/ld-linux-x86-64.so.2", "lib/ld-musl-x86_64.so.1"], False),  # Debian with musl installed
        (MUSL_LDD, ["lib/ld-musl-x86_64.so.1"], True),
        (MUSL_LDD, ["lib/ld-musl-x86_64.so.1", "lib/ld-linux-x86-64.so.2"], True),  # Alpine with gcompat
        (None, ["lib/ld-musl-aarch64.so.1"], True),  # a container without ldd
        (None, ["lib64/ld-linux-x86-64.so.2"], False),
        (None, [], False),
    ],
)
def test_the_c_library_is_the_systems(tmp_path: Path, ldd: str | None, loaders: list[str], is_musl: bool) -> None:
    package = platform_package("linux", "x86_64", root_with(tmp_path, ldd, *loaders))

    assert package is not None
    assert package.platform.endswith("-musl") == is_musl
