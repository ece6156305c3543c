"""Runs a real server, and `anyclaude serve` in front of it, for the duration of a context."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import aiohttp
from tests.parts.processes import LONG_SECONDS
from tests.parts.raw_backend import free_port

from .servers import RealServer

LISTENING = "anyclaude listens on "
"""How the line begins with which `anyclaude serve` says where it can be reached."""

QUESTION_SECONDS = 0.2
"""Between two questions whether a server is ready; there is no event to wait for."""

STOP_SECONDS = 20.0
"""A server that has not ended by then is killed."""


class ServerFailed(Exception):
    """A server did not become ready; the message ends with its output."""


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server on loopback."""

    server: RealServer
    model_file: Path
    port: int

    @property
    def origin(self) -> str:
        """Its address, as a user would give it to `--backend-url`."""
        return f"http://127.0.0.1:{self.port}"


@dataclass(frozen=True, slots=True)
class RunningGateway:
    """`anyclaude serve`: its address, and the first line that it wrote."""

    base_url: str
    first_line: str
    home: Path


def gateway_words(running: RunningServer) -> tuple[str, ...]:
    """Return the words for `anyclaude serve`: the address, and the model only where the server does not name it."""
    model = () if "model" not in running.server.cannot else ("--model", running.server.model_id(running.model_file))
    return ("--backend-url", running.origin, *model)


@asynccontextmanager
async def started_server(
    server: RealServer, model_file: Path, log: Path, *more: str, port: int | None = None
) -> AsyncIterator[RunningServer]:
    """Start a server, with `more` arguments, and yield at once, before it is ready."""
    running = RunningServer(server, model_file, port or free_port())
    words = (*server.installation.command(), *server.arguments(model_file, running.port), *more)
    environment = {**os.environ, **server.installation.environment(), **server.environment}
    async with _started(words, log, environment) as process, _watched(process, log):
        yield running


@asynccontextmanager
async def running_server(server: RealServer, model_file: Path, log: Path, *more: str) -> AsyncIterator[RunningServer]:
    """Run a server, with `more` arguments, for the duration of the context; raises `ServerFailed`."""
    async with started_server(server, model_file, log, *more) as running:
        await wait_until_ready(running, log)
        yield running


async def wait_until_ready(running: RunningServer, log: Path) -> None:
    """Wait until the server can use its model; raises `ServerFailed`."""
    try:
        await wait_for_ok(f"{running.origin}{running.server.ready_path}", running.server.start_seconds)
    except TimeoutError:
        raise ServerFailed(f"{running.server.name} is not ready: {_end_of(log)}") from None


async def wait_for_ok(url: str, within_seconds: float) -> None:
    """Ask until an address answers 200; raises `TimeoutError`."""
    async with asyncio.timeout(within_seconds), aiohttp.ClientSession() as session:
        while await status_of(session, url) != HTTPStatus.OK:  # noqa: ASYNC110  # another process: no event tells it
            await asyncio.sleep(QUESTION_SECONDS)


@asynccontextmanager
async def running_gateway(home: Path, *words: str) -> AsyncIterator[RunningGateway]:
    """Run `anyclaude serve` on a free port, in a home folder of its own, for the duration of the context."""
    log = home / "anyclaude.txt"
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "anyclaude", "serve", "--port", "0", *words),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=errors,
            cwd=home,
            env={"HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
        )
    async with _ended(process):
        assert process.stdout is not None
        async with asyncio.timeout(LONG_SECONDS):
            line = (await process.stdout.readline()).decode()
        if not line.startswith(LISTENING):
            raise ServerFailed(f"anyclaude serve does not listen: {line}{_end_of(log)}")
        yield RunningGateway(line.removeprefix(LISTENING).split()[0], line, home)


@asynccontextmanager
async def _started(words: tuple[str, ...], log: Path, environment: Mapping[str, str]) -> AsyncIterator[Process]:
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *words, stdin=DEVNULL, stdout=output, stderr=STDOUT, cwd=log.parent, env=environment, start_new_session=True
        )
    async with _ended(process):
        yield process


@asynccontextmanager
async def _watched(process: Process, log: Path) -> AsyncIterator[None]:
    """Raise `ServerFailed` in place of whatever the body raises if the server has ended by itself."""
    try:
        yield
    except Exception:
        if process.returncode is not None:
            raise ServerFailed(f"the server ended with status {process.returncode}: {_end_of(log)}") from None
        raise


@asynccontextmanager
async def _ended(process: Process) -> AsyncIterator[None]:
    """End a process when the context ends; its group is killed if it does not end by itself."""
    try:
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        if process.stdout is None:  # a server is the head of its group, which holds its workers
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


async def status_of(session: aiohttp.ClientSession, url: str) -> int | None:
    """Return the status with which an address answers, `None` if nothing answers there."""
    try:
        async with session.get(url) as response:
            return response.status
    except aiohttp.ClientError:
        return None


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-2_000:]
