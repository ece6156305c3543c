"""A `claude` that leads back to anyclaude: the next one is started, with one gateway; other launches are their own."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.launcher.client.conftest import BareCommand
from tests.parts.claude_code import SYSTEM_PATH
from tests.parts.fake_client import client_report, write_fake_client
from tests.parts.npm_registry import npm_registry

from anyclaude.launcher.client.in_place import VARIABLE, is_script, marked, programs_tried

ANYCLAUDE = Path(sys.executable).with_name("anyclaude")
WITHOUT_END = """\
n=$(cat "$HOME/starts" 2>/dev/null || echo 0)
echo $((n+1)) > "$HOME/starts"
echo "$ANTHROPIC_BASE_URL" > "$HOME/gateway"
[ $n -gt 3 ] && echo WITHOUT-END && exit 9
"""
OURS = os.getpid()


def write_script(folder: Path, text: str) -> Path:
    """Write a script that is called `claude`, which stops a chain without end."""
    folder.mkdir(exist_ok=True)
    script = folder / "claude"
    script.write_text(f"#!/bin/sh\n{WITHOUT_END}{text}\n")
    script.chmod(0o755)
    return script


def path_of(*folders: Path) -> str:
    """Return a PATH."""
    return ":".join([*map(str, folders), SYSTEM_PATH])


EXEC = f'exec "{ANYCLAUDE}" "$@"'
LEADING_BACK = [
    EXEC,
    f'"{ANYCLAUDE}" "$@"; exit $?',
    f'exec "{ANYCLAUDE}" --mode vllm "$@"',
    f'exec env MINE=1 "{ANYCLAUDE}" "$@"',
    f'sh -c \'"{ANYCLAUDE}" "$@"; exit $?\' sh "$@"; exit $?',
]


@pytest.mark.parametrize("text", LEADING_BACK)
async def test_the_next_client_on_the_path_is_started_once_with_the_first_gateway(
    bare: BareCommand, tmp_path: Path, text: str
) -> None:
    write_script(tmp_path / "scripts", text)
    (tmp_path / "real").mkdir()
    write_fake_client(tmp_path / "real")
    status, out, err = await bare.ran("-p", "exit-7", PATH=path_of(tmp_path / "scripts", tmp_path / "real"))

    seen = client_report(out.splitlines()[0])
    assert status == 7, err
    assert (tmp_path / "starts").read_text() == "1\n"
    assert seen.arguments[-2:] == ["-p", "exit-7"]
    assert seen.environment["ANTHROPIC_MODEL"] == "Qwen/Qwen3-8B"
    assert seen.environment["ANTHROPIC_BASE_URL"] == (tmp_path / "gateway").read_text().strip()


async def test_a_chain_of_scripts_ends_at_the_client(bare: BareCommand, tmp_path: Path) -> None:
    first, second, real = (tmp_path / name for name in ("first", "second", "real"))
    write_script(first, EXEC)
    write_script(second, LEADING_BACK[1])
    real.mkdir()
    write_fake_client(real)
    status, out, _ = await bare.ran("-p", "exit-7", PATH=path_of(first, second, real))

    assert status == 7
    assert (tmp_path / "starts").read_text() == "2\n"
    assert client_report(out.splitlines()[0]).arguments[-2:] == ["-p", "exit-7"]


@pytest.mark.parametrize("is_set", [False, True])
async def test_without_another_client_one_is_installed(bare: BareCommand, tmp_path: Path, is_set: bool) -> None:
    script = write_script(tmp_path / "scripts", EXEC)
    named = {"ANYCLAUDE_CLAUDE_PATH": str(script)} if is_set else {"PATH": path_of(tmp_path / "scripts")}
    async with npm_registry() as registry:
        status, out, _ = await bare.installs_from(registry, "-p", "exit-7", **named)

    assert status == 7
    assert "WITHOUT-END" not in out
    assert (tmp_path / "starts").read_text() == "1\n"


async def test_without_another_client_and_a_registry_it_ends_with_a_sentence(bare: BareCommand, tmp_path: Path) -> None:
    write_script(tmp_path / "scripts", EXEC)
    status, out, err = await bare.ran(
        "-p", "exit-7", PATH=path_of(tmp_path / "scripts"), npm_config_registry="http://127.0.0.1:9"
    )

    assert status == 127
    assert "WITHOUT-END" not in out
    assert "Claude Code is not installed" in err


@pytest.mark.parametrize("start", [f'"{ANYCLAUDE}" -p exit-7; exit $?', f"sh -c '\"{ANYCLAUDE}\" -p exit-7; exit $?'"])
async def test_a_command_that_claude_code_runs_may_be_anyclaude_with_a_gateway_of_its_own(
    bare: BareCommand, tmp_path: Path, start: str
) -> None:
    real = tmp_path / "real"
    inner = f"export CLAUDECODE=1 CLAUDE_CODE_SESSION_ID=inner PATH={real}:$PATH\n{start}"
    (tmp_path / "outer").mkdir()
    outer = tmp_path / "outer" / "claude"
    outer.write_text(f'#!/bin/sh\necho "$ANTHROPIC_BASE_URL"\n{inner}\n')
    outer.chmod(0o755)
    real.mkdir()
    write_fake_client(real)

    status, out, err = await bare.ran("-p", "hi", PATH=path_of(tmp_path / "outer"))

    first, second = out.splitlines()[:2]
    assert status == 7, err
    assert client_report(second).environment["ANTHROPIC_BASE_URL"] != first


async def test_the_model_that_was_chosen_reaches_the_client_in_mode_claude(bare: BareCommand, tmp_path: Path) -> None:
    write_script(tmp_path / "scripts", EXEC)
    (tmp_path / "real").mkdir()
    write_fake_client(tmp_path / "real")
    path = path_of(tmp_path / "scripts", tmp_path / "real")
    status, out, err = await bare.ran("--mode", "claude", "--model", "sonnet", "-p", "exit-7", PATH=path)

    arguments = client_report(out.splitlines()[0]).arguments
    assert status == 7, err
    assert arguments[arguments.index("--model") + 1] == "sonnet"
    assert arguments.count("--model") == 1


@given(st.lists(st.text(alphabet=st.characters(exclude_characters="\0", codec="utf-8"), min_size=1), min_size=1))
def test_the_programs_are_remembered_in_their_order(programs: list[str]) -> None:
    environment: dict[str, str] = {}
    for program in programs:
        environment = marked(environment, program, OURS)

    assert programs_tried(environment, OURS) == tuple(os.path.abspath(program) for program in programs)


@given(st.text())
def test_a_mark_that_is_not_ours_counts_as_none(text: str) -> None:
    assert programs_tried({VARIABLE: text}, OURS) == ()


def test_a_mark_of_an_anyclaude_that_has_ended_counts_as_none(tmp_path: Path) -> None:
    script = write_script(tmp_path, "")

    assert programs_tried(marked({}, str(script), parent=1 << 30), OURS) == ()


def test_a_program_that_is_no_script_and_not_our_parents_has_started_us_on_purpose(tmp_path: Path) -> None:
    program = tmp_path / "claude"
    program.write_bytes(b"\x7fELF")

    assert programs_tried(marked({}, str(program), parent=os.getppid()), parent=OURS) == ()
    assert programs_tried(marked({}, str(program), parent=OURS), parent=OURS) == (str(program),)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("claude", b"#!/bin/sh\n", True),
        ("claude", b"\x7fELF", False),
        ("cli.js", b"#!/usr/bin/env node\n", False),
        ("claude", b"", False),
    ],
)
def test_a_script_is_known_by_its_first_bytes(tmp_path: Path, name: str, content: bytes, expected: bool) -> None:
    (tmp_path / name).write_bytes(content)

    assert is_script(tmp_path / name) == expected
    assert not is_script(tmp_path / "missing")
