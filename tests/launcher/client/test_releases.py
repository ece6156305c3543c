"""The release of the client is mentioned once, if it is not one that anyclaude is tested with."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from tests.launcher.client.conftest import BareCommand
from tests.parts.fake_client import program_text

from anyclaude.claude_code import CLIENT_VERSION, OLDEST_VERSION
from anyclaude.launcher.client.finding import Client, Machine
from anyclaude.launcher.client.releases import release_beside, release_note

NEWER, OLDER = "99.0.1", "1.0.5"


def package(folder: Path, version: str) -> Path:
    """Put a client as npm installs it, and return its program."""
    folder.mkdir(parents=True)
    description = {"name": "@anthropic-ai/claude-code-linux-x64", "version": version}
    (folder / "package.json").write_text(json.dumps(description))
    program = folder / "claude"
    program.write_text(program_text())
    program.chmod(0o755)
    return program


async def test_a_newer_release_is_used_and_mentioned_at_its_first_launch_only(bare: BareCommand) -> None:
    program = package(bare.home / "modules", NEWER)

    runs = [await bare.ran("-p", "exit-7", ANYCLAUDE_CLAUDE_PATH=str(program)) for _ in range(2)]

    assert [status for status, _, _ in runs] == [7, 7]
    assert [err.count(f"{NEWER} is newer than {CLIENT_VERSION}") for _, _, err in runs] == [1, 0]


async def note(folder: Path, program: Path) -> str | None:
    """Return what is said about a program."""
    machine = Machine({"PATH": os.environ["PATH"]}, folder / "cache", "9.9.9")
    return await release_note(machine, Client((str(program),), is_native=True))


@pytest.mark.parametrize(
    ("version", "words"),
    [(NEWER, "is newer than"), (OLDER, "is older than"), (CLIENT_VERSION, None), (OLDEST_VERSION, None), ("x", None)],
)
async def test_only_a_release_beyond_the_tested_ones_is_mentioned(
    tmp_path: Path, version: str, words: str | None
) -> None:
    said = await note(tmp_path, package(tmp_path / "modules", version))

    assert (said is None) if words is None else (said is not None and words in said)


async def test_each_release_is_mentioned(tmp_path: Path) -> None:
    said = [await note(tmp_path, package(tmp_path / name, name)) for name in ("98.0.0", "99.0.0")]

    assert all(said)


async def test_nothing_is_said_where_it_could_not_be_remembered(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("not a folder")

    assert await note(tmp_path, package(tmp_path / "modules", NEWER)) is None


@pytest.mark.skipif(sys.platform != "linux", reason="copies a program of the system, which macOS does not run")
async def test_a_program_is_asked_once_until_it_changes(tmp_path: Path) -> None:
    program = tmp_path / "claude"
    shutil.copyfile("/bin/echo", program)
    program.chmod(0o755)
    memory = tmp_path / "cache" / "claude-code" / "seen.json"

    await note(tmp_path, program)
    first = memory.stat().st_mtime_ns
    await note(tmp_path, program)
    second = memory.stat().st_mtime_ns
    os.utime(program, (1, 1))
    await note(tmp_path, program)

    assert first == second
    assert len(json.loads(memory.read_bytes())["answers"]) == 2


async def test_a_program_that_cannot_be_started_or_says_nothing_is_not_mentioned(tmp_path: Path) -> None:
    program = tmp_path / "claude"
    program.write_bytes(b"no program of any kind")
    program.chmod(0o755)

    assert await note(tmp_path, program) is None


async def test_a_script_is_not_started_to_ask_it(tmp_path: Path) -> None:
    program = tmp_path / "claude"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    program.chmod(0o755)

    assert await note(tmp_path, program) is None
    assert not (tmp_path / "started").exists()


@pytest.mark.parametrize(
    ("path", "release"),
    [
        (".local/share/claude/versions/2.1.400", "2.1.400"),
        ("Caskroom/claude-code/2.1.400/claude", "2.1.400"),
        ("store/abc-claude-code-2.1.400/bin/claude", "2.1.400"),
        ("anyclaude/claude-code/2.1.400-linux-x64/claude", "2.1.400"),
        (".nvm/versions/node/v20.20.2/bin/claude", None),
        ("opt/tools-1.2.3/bin/claude", None),
        ("bin/claude", None),
    ],
)
def test_the_release_stands_in_the_path(path: str, release: str | None) -> None:
    assert release_beside(Path("/nowhere") / path) == release
