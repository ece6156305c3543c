"""The command as the user runs it, with a server of ours, and a program that stands in for the client."""

import asyncio
import json
import os
import pty
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import msgspec
import pytest
from tests.parts.fake_client import ClientReport, client_report, write_fake_client
from tests.parts.processes import LONG_SECONDS, children_of, is_running, wait_for_end
from tests.parts.server_documents import VLLM
from tests.parts.stub_server import StubServer, stub_server

from anyclaude.cli.main import own_flags
from anyclaude.exchange.record import Durations, ExchangeRecord
from anyclaude.observability.journal import Journal
from anyclaude.settings import Settings

SECRET = "sk-ant-api03-not-a-real-one"

WITH_A_TERMINAL = """\
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Makes standard input the terminal of this session, and becomes the program; a fork within a test would not do."""


@dataclass(frozen=True)
class Desk:
    """A user's folder, a server that answers, and a client on the PATH."""

    home: Path
    server: StubServer

    def environment(self, **more: str) -> dict[str, str]:
        """Return the whole environment of the command."""
        path = f"{self.home}:{os.environ['PATH']}"
        return {"HOME": str(self.home), "PATH": path, "ANYCLAUDE_BACKEND_URL": self.server.origin, **more}

    @asynccontextmanager
    async def started(self, *words: str, **more: str) -> AsyncIterator[Process]:
        """Run the command for the time of the block."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "anyclaude", *words),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            cwd=self.home,
            env=self.environment(**more),
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def ran(self, *words: str, stdin: bytes = b"", **more: str) -> tuple[int, str, str]:
        """Run the command to its end; its status, output and errors."""
        async with self.started(*words, **more) as process:
            async with asyncio.timeout(LONG_SECONDS):
                out, err = await process.communicate(stdin)
            assert process.returncode is not None
            return process.returncode, out.decode(), err.decode()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    write_fake_client(tmp_path)
    async with stub_server(VLLM) as server:
        yield Desk(tmp_path, server)


async def client_of(process: Process) -> ClientReport:
    assert process.stdout is not None
    async with asyncio.timeout(LONG_SECONDS):
        return client_report(await process.stdout.readline())


async def answers(url: str) -> bool:
    async with aiohttp.ClientSession() as session:
        try:
            async with session.get(f"{url}/health") as response:
                return response.ok
        except aiohttp.ClientConnectionError:
            return False


def test_every_flag_with_a_value_sets_a_field_of_the_settings() -> None:
    fields = {field.name for field in msgspec.structs.fields(Settings)}

    with_value = {flag.removeprefix("--").replace("-", "_") for flag, takes_value in own_flags().items() if takes_value}
    assert with_value <= fields
    assert {flag for flag, takes_value in own_flags().items() if not takes_value} == {
        "--print-env",
        "--version",
        "--help",
    }


async def test_the_client_gets_its_words_its_input_and_a_gateway_and_its_status_is_ours(desk: Desk) -> None:
    words = ("-pc", "--output-format", "json", "Say hello", "--", "--model", "exit-7")

    status, out, _ = await desk.ran(*words)

    seen = client_report(out.splitlines()[0])
    assert status == 7
    assert tuple(seen.arguments[-len(words) :]) == words
    assert seen.environment["ANTHROPIC_BASE_URL"].startswith("http://127.0.0.1:")
    assert seen.environment["ANTHROPIC_MODEL"] == "Qwen/Qwen3-8B"
    assert not await answers(seen.environment["ANTHROPIC_BASE_URL"])


async def test_what_is_piped_into_the_command_reaches_the_client(desk: Desk) -> None:
    _, out, _ = await desk.ran("-p", "echo", stdin=b"piped text")

    assert out.splitlines()[-1] == "piped text"


async def test_a_client_that_is_killed_gives_the_status_a_shell_would(desk: Desk) -> None:
    status, _, _ = await desk.ran("die-9")

    assert status == 137


async def test_no_credential_of_anthropic_reaches_the_client_the_server_or_a_file(desk: Desk) -> None:
    _, out, err = await desk.ran("-p", "exit-0", ANTHROPIC_API_KEY=SECRET, CLAUDE_CODE_OAUTH_TOKEN=SECRET, MINE=SECRET)

    files = [file.read_text() for file in desk.home.rglob("*") if file.is_file()]
    assert not any(SECRET in text for text in [out, err, *files, json.dumps(desk.server.requests)])


async def test_terminating_the_command_leaves_no_process_behind(desk: Desk) -> None:
    async with desk.started("wait") as process:
        seen = await client_of(process)
        below = await asyncio.to_thread(children_of, process.pid)
        assert await answers(seen.environment["ANTHROPIC_BASE_URL"])
        process.terminate()

        async with asyncio.timeout(LONG_SECONDS):
            assert await process.wait() == 143
        assert seen.pid in below
        assert not any(is_running(pid) for pid in below)


async def test_an_interrupt_while_the_client_runs_ends_nothing(desk: Desk) -> None:
    async with desk.started("wait") as process:
        seen = await client_of(process)
        process.send_signal(signal.SIGINT)
        alive = await answers(seen.environment["ANTHROPIC_BASE_URL"])
        os.kill(seen.pid, signal.SIGTERM)

        assert alive
        async with asyncio.timeout(LONG_SECONDS):
            assert await process.wait() == 143


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent was killed")
async def test_a_client_does_not_outlive_a_command_that_was_killed(desk: Desk) -> None:
    async with desk.started("wait") as process:
        seen = await client_of(process)
        process.kill()
        await process.wait()

        assert await asyncio.to_thread(wait_for_end, seen.pid)


async def test_closing_the_terminal_leaves_no_process_behind(desk: Desk) -> None:
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", WITH_A_TERMINAL, sys.executable, "-m", "anyclaude", "wait"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=desk.home,
        env=desk.environment(),
        start_new_session=True,
    )
    os.close(theirs)
    seen = client_report((await asyncio.to_thread(_lines_until_shown, ours))[-1])
    below = await asyncio.to_thread(children_of, process.pid)
    os.close(ours)

    async with asyncio.timeout(LONG_SECONDS):
        assert await process.wait() == 129
    assert seen.stdin_is_terminal
    assert seen.pid in below
    assert not any(is_running(pid) for pid in below)


def _lines_until_shown(terminal: int) -> list[str]:
    """Read from a terminal until the client has shown itself."""
    text = ""
    with suppress(OSError):
        while not (text.endswith("\n") and text.splitlines()[-1].startswith("{")):
            text += os.read(terminal, 65536).decode(errors="replace")
    return text.splitlines()


async def test_print_env_shows_everything_with_a_reason_and_starts_nothing(desk: Desk) -> None:
    status, out, _ = await desk.ran("--print-env", "-p", ANTHROPIC_API_KEY=SECRET, API_TIMEOUT_MS="5")

    assert status == 0
    assert "ANTHROPIC_MODEL=Qwen/Qwen3-8B  # " in out
    assert "unset ANTHROPIC_API_KEY  # " in out
    assert "API_TIMEOUT_MS=5  # yours" in out
    assert SECRET not in out
    assert '"pid"' not in out


async def test_a_wrong_flag_ends_the_command_before_anything_starts(desk: Desk) -> None:
    status, out, err = await desk.ran("--mode", "olama", "-p", "hi")

    assert status == 2
    assert out == ""
    assert err.startswith("anyclaude: --mode: 'olama'")


async def test_help_and_version_are_ours_unless_the_client_is_asked(desk: Desk) -> None:
    _, help_text, _ = await desk.ran("--help")
    _, version, _ = await desk.ran("--version")
    _, out, _ = await desk.ran("--", "--help")

    assert "--backend-url" in help_text
    assert version.startswith("anyclaude ")
    assert client_report(out.splitlines()[0]).arguments[-1] == "--help"


async def test_serve_says_where_it_listens_and_how_to_use_it_and_stops_at_a_signal(desk: Desk) -> None:
    async with desk.started("serve", "--port", "0") as process:
        assert process.stdout is not None
        async with asyncio.timeout(LONG_SECONDS):
            first = (await process.stdout.readline()).decode()
            exports = [(await process.stdout.readline()).decode().strip() for _ in range(2)]
        url = first.split()[3]
        alive = await answers(url)
        process.terminate()

        assert alive
        assert exports[1] == f"export ANTHROPIC_BASE_URL={url}"
        async with asyncio.timeout(LONG_SECONDS):
            assert await process.wait() == 0
        assert not await answers(url)


async def test_serve_on_a_taken_port_says_so(desk: Desk) -> None:
    port = desk.server.origin.rpartition(":")[2]

    status, _, err = await desk.ran("serve", "--port", port)

    assert status == 1
    assert f"port {port}" in err


async def test_serve_takes_no_words_for_the_client(desk: Desk) -> None:
    status, _, err = await desk.ran("serve", "--continue")

    assert status == 2
    assert "--continue" in err


async def test_an_exchange_is_explained_without_any_server_and_what_is_not_there_is_refused(desk: Desk) -> None:
    journal = Journal(desk.home / ".anyclaude" / "request-logs")
    journal.write(
        ExchangeRecord(
            time="2026-11-22T10:00:00.000+00:00",
            request_id="req_1",
            outcome="completed",
            status=200,
            path="/v1/messages",
            durations=Durations(total=1.5),
        )
    )
    journal.close()

    status, out, _ = await desk.ran("explain", ANYCLAUDE_BACKEND_URL="http://127.0.0.1:9")
    _, listed, _ = await desk.ran("explain", "--last", "5")
    refused, nothing, err = await desk.ran("explain", "req_2")

    assert (status, refused, nothing) == (0, 2, "")
    assert out.startswith("req_1 · ")
    assert "req_1" in listed
    assert "no exchange has an id that begins with req_2" in err


async def test_a_recorded_prompt_is_shown_before_and_after_and_a_wrong_one_is_refused(desk: Desk) -> None:
    file = desk.home / "request.json"
    body = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "Hello"}]}
    file.write_text(json.dumps(body | {"tools": [{"name": "Bash", "input_schema": {"title": "T"}}]}))

    shown, out, _ = await desk.ran("prompt", "--show", str(file), ANYCLAUDE_DIET="minimal")
    refused, nothing, err = await desk.ran("prompt", "--show", str(desk.home / "nowhere"))

    assert (shown, refused, nothing) == (0, 2, "")
    assert "diet minimal" in out
    assert '{"title":"T"}' in out.partition("after")[0]
    assert '{"title":"T"}' not in out.partition("after")[2]
    assert "nowhere cannot be read" in err
