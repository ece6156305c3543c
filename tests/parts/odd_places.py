"""The command on a machine that lacks what most have: places to write, rights, open streams."""

import asyncio
import os
import shutil
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
from msgspec import Struct
from tests.parts.command import Command
from tests.parts.processes import LONG_SECONDS

NO_RIGHTS = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
"""Makes root obey the modes of files, as every other user must (setpriv(1))."""


def rights_can_be_dropped() -> bool:
    """Return whether a folder can be one that a process may not write."""
    return os.getuid() != 0 or shutil.which("setpriv") is not None


REPLY = """\
data: {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}]}

data: [DONE]

"""
"""A model server's answer to every request."""

REQUEST = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "Hello"}]}


class Start(Struct, frozen=True):
    """How the command is started: what a shell does first, and what differs in the environment; `None` removes."""

    words: Sequence[str]
    prelude: str = ""
    environment: Mapping[str, str | None] = {}
    folder: Path | None = None


EVERY_LAUNCH = ("anyclaude: answers come from ", "anyclaude: diet ")


class Outcome(Struct, frozen=True):
    """The exit status and what was written."""

    status: int
    out: str
    err: str

    @property
    def said(self) -> list[str]:
        """The lines on standard error, without those that every launch writes."""
        return [line for line in self.err.splitlines() if not line.startswith(EVERY_LAUNCH)]


@asynccontextmanager
async def started(command: Command, python: Sequence[str], start: Start) -> AsyncIterator[Process]:
    """Run the command with this Python for the duration of the block."""
    changed = {**command.environment(), **start.environment}
    process = await asyncio.create_subprocess_exec(
        *("sh", "-c", f'{start.prelude}\nexec "$@"', "sh"),
        *(*(NO_RIGHTS if os.getuid() == 0 and rights_can_be_dropped() else ()), *python, *start.words),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        cwd=start.folder or command.home,
        env={name: value for name, value in changed.items() if value is not None},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        async with asyncio.timeout(LONG_SECONDS):
            await process.communicate()


async def outcome(command: Command, python: Sequence[str], start: Start) -> Outcome:
    """Run the command with this Python until it ends."""
    async with started(command, python, start) as process, asyncio.timeout(LONG_SECONDS):
        out, err = await process.communicate()
        assert process.returncode is not None
        return Outcome(process.returncode, out.decode(errors="replace"), err.decode(errors="replace"))


async def address_of(process: Process) -> str:
    """Return the address that `anyclaude serve` writes in its first line."""
    assert process.stdout is not None
    async with asyncio.timeout(LONG_SECONDS):
        return (await process.stdout.readline()).decode().split()[3]


async def posted(url: str) -> tuple[int, str]:
    """Send a request to a gateway, and return the status and the text of the reply."""
    async with aiohttp.ClientSession() as session, session.post(f"{url}/v1/messages", json=REQUEST) as answer:
        document = await answer.json()
        return answer.status, "".join(block["text"] for block in document.get("content", ()))
