"""A release is installed once, and completely or not at all."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.parts.claude_code_versions import ANOTHER, TESTED, InstallFailed, installed_client, native_release

from anyclaude.claude_code import CLIENT_VERSION

NATIVE_PACKAGE = """#!/bin/sh
echo called >> "$0.calls"
while [ "$1" != --prefix ]; do shift; done
mkdir -p "$2/node_modules/@anthropic-ai/claude-code-some-platform"
touch "$2/node_modules/@anthropic-ai/claude-code-some-platform/claude"
chmod +x "$2/node_modules/@anthropic-ai/claude-code-some-platform/claude"
"""

FAILURE = """#!/bin/sh
while [ "$1" != --prefix ]; do shift; done
mkdir -p "$2/node_modules"
echo 'the registry is unreachable' >&2
exit 1
"""


LATEST = """#!/bin/sh
[ "$*" = "view @anthropic-ai/claude-code@latest version" ] && echo 9.9.9
"""


def put_npm(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a program named npm first on the PATH."""
    folder.mkdir(exist_ok=True)
    npm = folder / "npm"
    npm.write_text(script)
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return npm


def test_concurrent_requests_share_one_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npm = put_npm(tmp_path / "bin", NATIVE_PACKAGE, monkeypatch)

    with ThreadPoolExecutor(2) as pool:
        clients = set(pool.map(lambda _: installed_client("9.9.9", tmp_path), range(2)))

    assert [Path(*client.command).name for client in clients] == ["claude"]
    assert npm.with_name("npm.calls").read_text() == "called\n"


def test_a_failed_installation_is_not_mistaken_for_a_complete_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_npm(tmp_path / "bin", FAILURE, monkeypatch)
    with pytest.raises(InstallFailed, match="the registry is unreachable"):
        installed_client("9.9.9", tmp_path)
    put_npm(tmp_path / "bin", NATIVE_PACKAGE, monkeypatch)

    assert installed_client("9.9.9", tmp_path).version == "9.9.9"


def test_the_native_release_is_the_one_that_anyclaude_installs_or_the_one_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_npm(tmp_path / "bin", LATEST, monkeypatch)

    assert native_release({}) == TESTED == CLIENT_VERSION
    assert native_release({ANOTHER: "8.8.8"}) == "8.8.8"
    assert native_release({ANOTHER: "latest"}) == "9.9.9"
