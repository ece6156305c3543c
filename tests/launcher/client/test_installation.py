"""Where Claude Code comes from."""

import asyncio
import stat
import sys
from pathlib import Path

import pytest
from tests.parts.null_progress import NullProgress

from anyclaude.errors import ClientUnavailable
from anyclaude.launcher.client.installation import Client, Machine, find_client, provide_client

NPM = """\
import os, pathlib, sys
place = pathlib.Path(sys.argv[sys.argv.index("--prefix") + 1])
with open(os.environ["NPM_LOG"], "a") as log:
    log.write(" ".join(sys.argv[1:]) + "\\n")
if os.environ.get("NPM_FAILS"):
    sys.exit("npm error 404 no such version")
package = place / "node_modules" / "@anthropic-ai" / os.environ.get("NPM_PACKAGE", "claude-code-any-platform")
package.mkdir(parents=True)
program = package / os.environ.get("NPM_PROGRAM", "claude")
program.write_text("#!/bin/sh\\n")
program.chmod(0o755)
"""

NODE = "import os\nprint(os.environ.get('NODE_VERSION', 'v22.1.0'))\n"


class Box:
    """A machine with test programs on its PATH, and a cache."""

    def __init__(self, folder: Path) -> None:
        self.programs = folder / "bin"
        self.programs.mkdir()
        self.cache = folder / "cache"
        self.log = folder / "npm.log"

    def put(self, name: str, text: str = "") -> Path:
        """Put a program on the PATH."""
        program = self.programs / name
        program.write_text(f"#!{sys.executable} -IS\n{text}")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return program

    def machine(self, path: Path | None = None, version: str = "9.9.9", **environment: str) -> Machine:
        """Return the machine for the launcher."""
        variables = {"PATH": str(self.programs), "NPM_LOG": str(self.log), **environment}
        return Machine(variables, self.cache, version, path)

    def installs(self) -> int:
        """Return how often npm ran an installation."""
        return len(self.log.read_text().splitlines()) if self.log.exists() else 0


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


@pytest.fixture
def box_with_npm(box: Box) -> Box:
    box.put("npm", NPM)
    box.put("node", NODE)
    return box


def test_the_client_on_the_path_is_used(box: Box) -> None:
    program = box.put("claude")

    assert find_client(box.machine()) == Client((str(program),), is_native=True)


def test_a_release_in_javascript_is_recognised_by_the_target_of_its_link(box: Box) -> None:
    script = box.put("cli.js")
    (box.programs / "claude").symlink_to(script)

    client = find_client(box.machine())

    assert client is not None
    assert not client.is_native


def test_the_client_that_was_set_wins(box: Box, tmp_path: Path) -> None:
    box.put("claude")
    named = box.put("another")

    assert find_client(box.machine(path=named)) == Client((str(named),), is_native=True)


def test_a_client_that_cannot_be_executed_is_refused(box: Box, tmp_path: Path) -> None:
    with pytest.raises(ClientUnavailable, match="claude_path"):
        find_client(box.machine(path=tmp_path))


async def test_without_a_client_npm_installs_the_release_once(box_with_npm: Box) -> None:
    machine = box_with_npm.machine()

    first = await provide_client(machine, NullProgress())
    second = await provide_client(machine, NullProgress())

    assert first == second == find_client(machine)
    assert first.is_native
    assert Path(first.command[0]).is_relative_to(box_with_npm.cache / "claude-code" / "9.9.9")
    assert box_with_npm.installs() == 1
    assert "@anthropic-ai/claude-code@9.9.9" in box_with_npm.log.read_text()
    assert "--ignore-scripts" in box_with_npm.log.read_text()


async def test_concurrent_installations_run_once(box_with_npm: Box) -> None:
    machine = box_with_npm.machine()

    clients = await asyncio.gather(*(provide_client(machine, NullProgress()) for _ in range(3)))

    assert len(set(clients)) == 1
    assert box_with_npm.installs() == 1


async def test_a_release_in_javascript_is_run_by_node(box_with_npm: Box) -> None:
    machine = box_with_npm.machine(NPM_PACKAGE="claude-code", NPM_PROGRAM="cli.js")

    client = await provide_client(machine, NullProgress())

    assert client.command[0] == str(box_with_npm.programs / "node")
    assert client.command[1].endswith("cli.js")
    assert not client.is_native


async def test_a_partial_installation_is_never_used(box_with_npm: Box) -> None:
    left = box_with_npm.cache / "claude-code" / "9.9.9.unfinished-x" / "node_modules" / "@anthropic-ai"
    (left / "claude-code-any-platform").mkdir(parents=True)

    client = await provide_client(box_with_npm.machine(), NullProgress())

    assert "unfinished" not in client.command[0]
    assert not left.exists()


async def test_a_failed_installation_reports_npms_error_and_leaves_no_client(box_with_npm: Box) -> None:
    machine = box_with_npm.machine(NPM_FAILS="1")

    with pytest.raises(ClientUnavailable, match="no such version"):
        await provide_client(machine, NullProgress())

    assert find_client(machine) is None


async def test_a_package_without_a_program_for_this_platform_is_refused(box_with_npm: Box) -> None:
    machine = box_with_npm.machine(NPM_PROGRAM="claude.exe")

    with pytest.raises(ClientUnavailable, match="platform"):
        await provide_client(machine, NullProgress())

    assert find_client(machine) is None


@pytest.mark.parametrize("missing", ["npm", "node"])
async def test_without_npm_or_node_the_error_says_what_to_install(box_with_npm: Box, missing: str) -> None:
    (box_with_npm.programs / missing).unlink()

    with pytest.raises(ClientUnavailable, match=rf"{missing}.*Install Node\.js 20"):
        await provide_client(box_with_npm.machine(), NullProgress())


async def test_a_node_that_is_too_old_is_reported_with_its_version(box_with_npm: Box) -> None:
    with pytest.raises(ClientUnavailable, match=r"v18\.20\.0.*Install Node\.js 20"):
        await provide_client(box_with_npm.machine(NODE_VERSION="v18.20.0"), NullProgress())
