"""The user's own client: the one that was set, or the first on the PATH that is not anyclaude."""

import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.errors import ClientUnavailable
from anyclaude.launcher.client.finding import Client, Machine, users_client

ANYCLAUDE = Path(sys.executable).with_name("anyclaude")


def put(folder: Path, name: str = "claude", text: str = "#!/bin/sh\n") -> Path:
    """Put a program into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / name
    program.write_text(text)
    program.chmod(0o755)
    return program


def machine(*folders: Path, path: Path | None = None) -> Machine:
    """Return a machine with these folders on its PATH."""
    return Machine({"PATH": ":".join(map(str, folders))}, Path("/nowhere"), "9.9.9", path)


def test_the_first_client_on_the_path_is_used(tmp_path: Path) -> None:
    put(tmp_path / "second")
    program = put(tmp_path / "first")

    assert users_client(machine(tmp_path / "first", tmp_path / "second")) == Client((str(program),), is_native=True)


def test_a_release_in_javascript_is_recognised_by_the_target_of_its_link(tmp_path: Path) -> None:
    script = put(tmp_path / "modules", "cli.js", "#!/usr/bin/env node\n")
    (tmp_path / "claude").symlink_to(script)

    client = users_client(machine(tmp_path))

    assert client is not None
    assert not client.is_native


def test_the_client_that_was_set_wins(tmp_path: Path) -> None:
    put(tmp_path)
    named = put(tmp_path, "another")

    assert users_client(machine(tmp_path, path=named)) == Client((str(named),), is_native=True)


def test_a_client_that_was_set_and_cannot_be_executed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ClientUnavailable, match="claude_path"):
        users_client(machine(path=tmp_path))


def test_what_cannot_be_executed_is_passed_over(tmp_path: Path) -> None:
    put(tmp_path / "first").chmod(0o644)
    (tmp_path / "folder" / "claude").mkdir(parents=True)
    program = put(tmp_path / "last")

    client = users_client(machine(tmp_path / "first", tmp_path / "folder", tmp_path / "missing", tmp_path / "last"))

    assert client == Client((str(program),), is_native=True)


@pytest.mark.parametrize("is_set", [False, True])
def test_our_own_command_under_the_clients_name_is_passed_over(tmp_path: Path, is_set: bool) -> None:
    link, copy = tmp_path / "link" / "claude", put(tmp_path / "copy", text=ANYCLAUDE.read_text())
    link.parent.mkdir()
    link.symlink_to(ANYCLAUDE)
    program = put(tmp_path / "real")

    client = users_client(machine(link.parent, copy.parent, program.parent, path=link if is_set else None))

    assert client == Client((str(program),), is_native=True)


SCOPE = "@anthropic-ai"
NOTICE = 'echo "Error: claude native binary not installed." >&2\nexit 1\n'


@pytest.mark.parametrize(
    "place",
    ["@anthropic-ai/claude-code-linux-x64", "@anthropic-ai/claude-code/node_modules/@anthropic-ai/claude-code-x"],
)
def test_where_npm_ran_no_install_script_the_program_is_taken_from_its_own_package(tmp_path: Path, place: str) -> None:
    notice = put(tmp_path / f"modules/{SCOPE}/claude-code/bin", "claude.exe", NOTICE)
    program = put(tmp_path / "modules" / place)
    (tmp_path / "claude").symlink_to(notice)

    assert users_client(machine(tmp_path)) == Client((str(program),), is_native=True)
    assert users_client(machine(path=tmp_path / "claude")) == Client((str(program),), is_native=True)


@pytest.mark.parametrize("text", [NOTICE, "\n# later\n", ""])
def test_a_text_that_names_no_interpreter_is_no_program(tmp_path: Path, text: str) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / "claude").symlink_to(put(tmp_path / "claude-code/bin", "claude.exe", text))
    program = put(tmp_path / "last")

    assert users_client(machine(tmp_path / "first", tmp_path / "last")) == Client((str(program),), is_native=True)
    with pytest.raises(ClientUnavailable, match="claude_path"):
        users_client(machine(path=tmp_path / "first" / "claude"))


@given(st.binary(min_size=4, max_size=4))
def test_what_begins_with_bytes_that_are_no_text_is_a_program(head: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        program = put(Path(folder))
        program.write_bytes(b"\x7f" + head)

        assert users_client(machine(Path(folder))) is not None


def test_without_a_client_there_is_none(tmp_path: Path) -> None:
    assert users_client(machine(tmp_path)) is None
    assert users_client(Machine({}, tmp_path, "9.9.9")) is None
