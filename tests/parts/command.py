"""The command as a user runs it: a home folder, a model server, and a program that stands in for the client."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.parts.fake_client import ClientReport, client_report
from tests.parts.processes import LONG_SECONDS
from tests.parts.stub_server import StubServer


@dataclass(frozen=True)
class Command:
    """`python -m anyclaude` in the folder `home`, which also contains the client; its requests go to `server`."""

    home: Path
    server: StubServer

    def environment(self, **more: str) -> dict[str, str]:
        """Return the whole environment of the command."""
        path = f"{self.home}:{os.environ['PATH']}"
        return {"HOME": str(self.home), "PATH": path, "ANYCLAUDE_BACKEND_URL": self.server.origin, **more}

    @asynccontextmanager
    async def started(self, *words: str, **more: str) -> AsyncIterator[Process]:
        """Run the command for the duration of the block."""
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
                with suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)  # `process.kill` may reap it, and asyncio then reports 255
            async with asyncio.timeout(LONG_SECONDS):
                await process.communicate()  # also closes the pipes, when the processes below have ended

    async def ran(self, *words: str, stdin: bytes = b"", **more: str) -> tuple[int, str, str]:
        """Run the command until it ends; return its status, output and errors."""
        async with self.started(*words, **more) as process:
            async with asyncio.timeout(LONG_SECONDS):
                out, err = await process.communicate(stdin)
            assert process.returncode is not None
            return process.returncode, out.decode(), err.decode()


async def client_of(process: Process) -> ClientReport:
    """Return what the client shows in its first line."""
    assert process.stdout is not None
    async with asyncio.timeout(LONG_SECONDS):
        return client_report(await process.stdout.readline())
