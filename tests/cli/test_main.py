"""Which command is called, with which settings, and what is loaded for it."""

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest
from tests.parts.command import Command
from tests.parts.fake_client import client_report

from anyclaude.cli.commands import COMMANDS
from anyclaude.cli.main import run

HEAVY = re.compile(
    r"aiohttp|asyncio|huggingface_hub|rich|uvloop|xllamacpp|"
    r"anyclaude\.(backends|engine|exchange|launcher|prewarm|scheduling|server)\b"
)
"""Modules that take a noticeable time to load, and are of no use to a command that starts nothing."""

READS_RECORDS = re.compile(r"anyclaude\.(cache_report|exchange_record|observability)")
"""The modules that only `explain` loads besides: the records of exchanges, and what reads and explains them."""


async def test_help_and_version_are_the_clients_after_a_separator(command: Command) -> None:
    _, help_text, _ = await command.ran("--help")
    _, version, _ = await command.ran("--version")
    _, out, _ = await command.ran("--", "--help")

    assert "--backend-url" in help_text
    assert version.startswith("anyclaude ")
    assert client_report(out.splitlines()[0]).arguments[-1] == "--help"


async def test_an_invalid_flag_ends_the_command_before_anything_starts(command: Command) -> None:
    status, out, err = await command.ran("--mode", "olama", "-p", "hi")

    assert status == 2
    assert out == ""
    assert err.startswith("anyclaude: --mode: 'olama'")


async def test_help_and_version_do_not_read_the_settings(command: Command) -> None:
    (command.home / ".anyclaude").mkdir()
    (command.home / ".anyclaude" / "config.toml").write_text("no TOML")

    helped, _, _ = await command.ran("--help")
    versioned, _, _ = await command.ran("--version")
    refused, _, err = await command.ran("explain")

    assert (helped, versioned, refused) == (0, 0, 2)
    assert "config.toml is not valid TOML" in err
    assert not (command.home / ".anyclaude" / "logs").exists()


@pytest.mark.parametrize("words", [("--print-env",), ("explain", "--last", "1")])
async def test_a_former_name_is_reported_once_on_stderr_by_every_command(
    command: Command, words: tuple[str, ...]
) -> None:
    status, out, err = await command.ran(*words, ANYCLAUDE_WARM_UP="false")

    assert status == 0
    assert err == "anyclaude: ANYCLAUDE_WARM_UP is now called ANYCLAUDE_PREWARM; please rename it\n"
    assert "ANYCLAUDE_PREWARM;" not in out


async def test_the_command_warns_once_and_goes_on(command: Command) -> None:
    status, _, err = await command.ran("-p", "exit-0", ANYCLAUDE_MDOE="ollama")

    assert status == 0
    assert err.splitlines().count("anyclaude: there is no setting ANYCLAUDE_MDOE; did you mean ANYCLAUDE_MODE?") == 1


async def test_the_help_of_a_command_is_shown_in_every_position(command: Command) -> None:
    texts = {(await command.ran(*words))[1] for words in (("serve", "--help"), ("--help", "serve"), ("help", "serve"))}
    generals = {(await command.ran(*words))[1] for words in (("--help",), ("-h",), ("help",), ("--mode", "x", "-h"))}

    assert [text.startswith("usage: anyclaude serve") for text in texts] == [True]
    assert [text.startswith("usage: anyclaude [FLAGS]") for text in generals] == [True]


async def test_the_help_of_a_command_of_the_client_is_the_clients(command: Command) -> None:
    for words in (("--help", "mcp"), ("help", "mcp"), ("mcp", "--help")):
        _, out, _ = await command.ran(*words)

        assert client_report(out.splitlines()[0]).arguments == ["mcp", "--help"]
    assert command.server.requests == []


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("--help",), 0),
        (("serv",), 2),
        (("--mdoe", "ollama"), 2),
        (("--print-env", "--mdoe", "ollama"), 2),
        (("completion", "bash"), 0),
        (("serve", "--help"), 0),
        (("--version",), 0),
        (("--mode", "olama"), 2),
        (("--mode",), 2),
        (("serve", "--nonsense"), 2),
        (("explain", "--nonsense"), 2),
    ],
)
async def test_a_command_that_starts_nothing_loads_no_heavy_module(
    command: Command, words: tuple[str, ...], status: int
) -> None:
    ended, _, err = await command.ran(*words, PYTHONPROFILEIMPORTTIME="1")

    loaded = re.findall(r"^import time: .*\| +(\S+)$", err, re.MULTILINE)
    assert ended == status
    assert "anyclaude.cli.main" in loaded
    assert [name for name in loaded if HEAVY.match(name) or READS_RECORDS.match(name)] == []


@pytest.mark.parametrize(("words", "status"), [(("explain",), 2), (("explain", "--last", "3"), 0)])
async def test_explain_loads_what_reads_records_and_no_heavy_module(
    command: Command, words: tuple[str, ...], status: int
) -> None:
    ended, _, err = await command.ran(*words, PYTHONPROFILEIMPORTTIME="1")

    loaded = re.findall(r"^import time: .*\| +(\S+)$", err, re.MULTILINE)
    assert ended == status
    assert "anyclaude.cache_report.history" in loaded
    assert [name for name in loaded if HEAVY.match(name)] == []


def test_an_interrupt_ends_the_command_with_the_status_of_a_shell(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupted(text: str) -> int:
        raise KeyboardInterrupt

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys.stdout, "write", interrupted)

    assert run(["--version"], COMMANDS) == 130


async def test_a_reader_that_has_gone_is_no_error(command: Command) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "anyclaude", "--help"), env=command.environment(), stdout=write_end, stderr=PIPE
    )
    os.close(write_end)
    _, err = await process.communicate()

    assert (err, process.returncode) == (b"", 1)


async def test_a_closed_output_is_no_error(command: Command) -> None:
    words = (sys.executable, "-m", "anyclaude", "--version")
    process = await asyncio.create_subprocess_exec(
        *("sh", "-c", 'exec "$@" >&-', "sh", *words), env=command.environment(), stderr=PIPE
    )
    _, err = await process.communicate()

    assert (err, process.returncode) == (b"", 0)
