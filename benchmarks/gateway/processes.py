"""Processes pinned to a core, and the resources they use."""

import asyncio
import os
import subprocess
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]

START_SECONDS = 120.0
"""LiteLLM's imports take 20 s on a busy core."""


class NotRunning(Exception):
    """A contestant cannot run; the text is the reason."""


@dataclass(frozen=True, slots=True)
class Launch:
    """A command, its environment and folder, and the port it listens on once it is up."""

    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    port: int


@dataclass(frozen=True, slots=True)
class Usage:
    """The resources of a process and its children; a page shared by n processes counts 1/n in `pss_bytes`."""

    cpu_seconds: float
    rss_bytes: int
    pss_bytes: int


class PinnedProcess:
    """A running contestant."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._process = psutil.Process(pid)

    def cpu_seconds(self) -> float:
        """Return the user and system time, including the children's."""
        return float(
            sum(times.user + times.system for times in (member.cpu_times() for member in self._process_tree()))
        )

    def usage(self) -> Usage:
        """Return the resources used so far; reading the memory map is slow, so do not call this during a measure."""
        memory = [process.memory_full_info() for process in self._process_tree()]
        return Usage(self.cpu_seconds(), sum(item.rss for item in memory), sum(item.pss for item in memory))

    def _process_tree(self) -> list[psutil.Process]:
        return [self._process, *self._process.children(recursive=True)]


@asynccontextmanager
async def running(launch: Launch, core: int) -> AsyncGenerator[PinnedProcess, None]:
    """Run a process on one core until the block ends.  Raises `NotRunning` if it does not start to listen."""
    output = launch.folder / "output.log"
    with output.open("wb") as file:
        process = subprocess.Popen(  # noqa: ASYNC220 (starting it blocks for a millisecond, before any measure)
            ["taskset", "--cpu-list", str(core), *launch.command],
            env=dict(launch.environment),
            cwd=launch.folder,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        await _wait_until_listening(process, launch.port, output)
        yield PinnedProcess(process.pid)
    finally:
        _end(process)


def private_environment(folder: Path, **more: str) -> dict[str, str]:
    """Return an environment with `folder` as the home directory, and of the user's variables only `PATH`."""
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder), "LANG": "C.UTF-8", **more}


async def _wait_until_listening(process: "subprocess.Popen[bytes]", port: int, output: Path) -> None:
    deadline = asyncio.get_running_loop().time() + START_SECONDS
    while asyncio.get_running_loop().time() < deadline:
        if process.poll() is not None:
            raise NotRunning(f"it ended with {process.returncode}: {_output_tail(output)}")
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
    raise NotRunning(f"it did not listen on port {port} within {START_SECONDS:g} s")


def _output_tail(output: Path) -> str:
    return " ".join(output.read_text(errors="replace").split())[-300:]


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Terminate a process and its children, by their ids."""
    try:
        children = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        children = []
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for child in psutil.wait_procs(children, timeout=2)[1]:
        child.kill()
