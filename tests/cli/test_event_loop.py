"""What signals do to the command and to the processes it started."""

import asyncio
import os
import pty
import signal
import sys
from contextlib import suppress

import pytest
from tests.cli.test_start import answers
from tests.parts.command import Command, client_of
from tests.parts.fake_client import client_report
from tests.parts.processes import LONG_SECONDS, children_of, is_running, wait_for_end

WITH_A_TERMINAL = """\
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Makes standard input the terminal of this session, and becomes the program; a fork within a test would not do."""


async def test_sigterm_leaves_no_process_behind(command: Command) -> None:
    async with command.started("-p", "wait") as process:
        seen = await client_of(process)
        below = await asyncio.to_thread(children_of, process.pid)
        assert await answers(seen.environment["ANTHROPIC_BASE_URL"])
        process.terminate()

        async with asyncio.timeout(LONG_SECONDS):
            assert await process.wait() == 143
        assert seen.pid in below
        assert not any(is_running(pid) for pid in below)


async def test_sigint_is_left_to_the_client_while_it_runs(command: Command) -> None:
    async with command.started("-p", "wait") as process:
        seen = await client_of(process)
        process.send_signal(signal.SIGINT)
        alive = await answers(seen.environment["ANTHROPIC_BASE_URL"])
        os.kill(seen.pid, signal.SIGTERM)

        assert alive
        async with asyncio.timeout(LONG_SECONDS):
            assert await process.wait() == 143


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux signals the end of a parent")
async def test_a_client_does_not_outlive_a_command_that_was_killed(command: Command) -> None:
    async with command.started("-p", "wait") as process:
        seen = await client_of(process)
        process.kill()
        await process.wait()

        assert await asyncio.to_thread(wait_for_end, seen.pid)


async def test_closing_the_terminal_leaves_no_process_behind(command: Command) -> None:
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", WITH_A_TERMINAL, sys.executable, "-m", "anyclaude", "-p", "wait"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=command.home,
        env=command.environment(),
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
    """Read from a terminal until the client has client_report itself."""
    text = ""
    with suppress(OSError):
        while not (text.endswith("\n") and text.splitlines()[-1].startswith("{")):
            text += os.read(terminal, 65536).decode(errors="replace")
    return text.splitlines()
