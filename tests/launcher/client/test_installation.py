"""Claude Code where there is none: installed once, whole or not at all, and with a sentence for each obstacle."""

import asyncio
import os
import signal
from pathlib import Path

import pytest
from tests.launcher.client.conftest import BareCommand
from tests.parts.command import client_of
from tests.parts.npm_registry import Registry, npm_registry
from tests.parts.null_progress import NullProgress
from tests.parts.processes import LONG_SECONDS

from anyclaude.claude_code import CLIENT_VERSION
from anyclaude.errors import ClientUnavailable
from anyclaude.launcher.client import installation
from anyclaude.launcher.client.finding import Machine
from anyclaude.launcher.client.installation import provide_client

CLIENT_UNAVAILABLE = 127


async def line_with(words: str, stream: asyncio.StreamReader | None) -> str:
    """Return the next line with these words."""
    assert stream is not None
    async with asyncio.timeout(LONG_SECONDS):
        while line := (await stream.readline()).decode():
            if words in line:
                return line
    raise AssertionError(f"no line with {words!r}")


async def test_without_node_and_npm_the_client_is_installed_once_and_started(bare: BareCommand) -> None:
    async with npm_registry() as registry:
        first = await bare.installs_from(registry, "-p", "exit-7")
        second = await bare.installs_from(registry, "-p", "exit-3")

    assert (first[0], second[0]) == (7, 3)
    assert registry.downloads == 1
    assert len(bare.installed()) == 1


async def test_the_sizes_are_told_before_the_download(bare: BareCommand) -> None:
    async with (
        npm_registry(holds=True) as registry,
        bare.started("-p", "exit-0", npm_config_registry=registry.url) as process,
    ):
        line = await line_with("Downloading", process.stderr)

    host = registry.origin.removeprefix("http://")
    assert line.startswith(f"Downloading Claude Code {CLIENT_VERSION} from {host}: ")
    assert line.rstrip().endswith(" MB on disk.")


async def test_two_launches_at_once_download_once_and_the_second_says_that_it_waits(bare: BareCommand) -> None:
    async with (
        npm_registry(holds=True) as registry,
        bare.started("-p", "exit-0", npm_config_registry=registry.url) as first,
    ):
        async with asyncio.timeout(LONG_SECONDS):
            await registry.sending.wait()
        async with bare.started("-p", "exit-0", npm_config_registry=registry.url) as second:
            await line_with("Another anyclaude installs Claude Code", second.stderr)
            registry.may_send.set()
            reports = [await client_of(first), await client_of(second)]

    assert len({report.environment["ANTHROPIC_BASE_URL"] for report in reports}) == 2
    assert registry.downloads == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
async def test_an_interrupted_download_leaves_nothing_that_is_used(bare: BareCommand, number: signal.Signals) -> None:
    async with npm_registry(holds=True) as registry:
        async with bare.started("-p", "exit-0", npm_config_registry=registry.url) as process:
            async with asyncio.timeout(LONG_SECONDS):
                await registry.sending.wait()
                await line_with("Downloading", process.stderr)
                os.kill(process.pid, number)
                await process.wait()
        left = bare.installed()
        registry.may_send.set()
        status, _, _ = await bare.installs_from(registry, "-p", "exit-7")

    assert left == set() or number == signal.SIGKILL
    assert status == 7
    assert len(bare.installed()) == 1


async def test_a_cache_folder_that_cannot_be_made_is_named(bare: BareCommand) -> None:
    (bare.home / "file").write_text("")
    place = bare.home / "file" / "cache"
    async with npm_registry() as registry:
        status, _, err = await bare.installs_from(registry, "-p", "exit-0", ANYCLAUDE_CACHE_DIR=str(place))

    assert status == CLIENT_UNAVAILABLE
    assert str(place) in err
    assert "ANYCLAUDE_CACHE_DIR" in err
    assert registry.requests == []


@pytest.mark.parametrize("version", ["../../elsewhere", ".", "9 9", "/etc"])
async def test_what_cannot_be_a_version_is_refused_before_anything_is_asked(bare: BareCommand, version: str) -> None:
    async with npm_registry() as registry:
        status, _, err = await bare.installs_from(registry, "-p", "exit-0", ANYCLAUDE_CLAUDE_VERSION=version)

    assert status == CLIENT_UNAVAILABLE
    assert registry.requests == []
    assert "claude_version" in err


async def test_a_tag_is_looked_up_in_the_registry(bare: BareCommand) -> None:
    async with npm_registry(Registry(versions=("9.9.8", "9.9.9"))) as registry:
        status, _, _ = await bare.installs_from(registry, "-p", "exit-7", ANYCLAUDE_CLAUDE_VERSION="latest")

    assert status == 7


async def test_an_installation_that_can_no_longer_be_executed_is_replaced(bare: BareCommand) -> None:
    async with npm_registry() as registry:
        await bare.installs_from(registry, "-p", "exit-0")
        program = next(bare.folder.glob("*/claude"))
        program.chmod(0o600)
        status, _, _ = await bare.installs_from(registry, "-p", "exit-7")

    assert status == 7
    assert registry.downloads == 2


async def test_a_platform_for_which_there_is_no_claude_code_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installation, "platform_package", lambda: None)

    with pytest.raises(ClientUnavailable, match="none to download for this platform"):
        await provide_client(Machine({"PATH": str(tmp_path)}, tmp_path, "9.9.9"), NullProgress())

    assert os.listdir(tmp_path) == []
