"""The reading process, seen from the gateway: started when a file is to be read, and ended when it is not needed."""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

import msgspec
from msgspec import Struct

from anyclaude.errors import Unreadable

from .frames import LENGTH_BYTES, Answer, Job, Options, Refused, Result, length_of, message

COMMAND = (
    sys.executable,
    "-P",  # otherwise a module in the user's project could be imported instead of ours
    *("-m", "anyclaude.reading"),
)
"""Runs the process."""


FEW_ARENAS = {"MALLOC_ARENA_MAX": "1"}
"""glibc reserves 64 MiB of addresses for each thread's arena (mallopt(3)), and these are limited."""


NEEDED = frozenset({"HOME", "LANG", "LD_LIBRARY_PATH", "PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "VIRTUAL_ENV"})
"""What Python and its libraries need to start, beside `PYTHON…` and `LC_…`; any other variable may have a secret."""


def _needed(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name in NEEDED or name.startswith(("PYTHON", "LC_"))}


class ReadingLimits(Struct, frozen=True):
    """What reading one file may take."""

    seconds: float = 60.0
    """From the moment at which the process gets it.  500 pages of text take seconds."""
    answer_bytes: int = 32 * 1024 * 1024
    """Of what was read."""
    idle_seconds: float = 120.0
    """How long a process is kept that has nothing to do: files often come one after the other."""


DEFAULT_LIMITS = ReadingLimits()


class Reader:
    """
    Reads untrusted files, one at a time; made for one event loop.

    A process that does not answer in time, or dies of a file, is replaced for the next one.
    """

    def __init__(self, limits: ReadingLimits = DEFAULT_LIMITS, command: Sequence[str] = COMMAND) -> None:
        """Nothing is started before a file is to be read."""
        self._limits = limits
        self._command = command
        self._turn = asyncio.Lock()
        self._process: Process | None = None
        self._is_closed = False
        self._idle: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def process_id(self) -> int | None:
        """The process that waits for files or reads one, `None` if there is none."""
        return None if self._process is None else self._process.pid

    async def read(
        self, kind: str, data: bytes | Sequence[bytes], options: Options | None = None, *, is_base64: bool = False
    ) -> Result:
        """
        Return what a module of `kinds` reads in a file, given in one or more pieces; a cancelled call ends the reading.

        Raises:
            Unreadable: when the file cannot be read, with the reason.
        """
        pieces = [data] if isinstance(data, bytes) else data
        job = Job(kind, options or {}, is_base64, cpu_seconds=int(self._limits.seconds))
        async with self._turn:
            if self._idle is not None:
                self._idle.cancel()
            try:
                async with asyncio.timeout(self._limits.seconds):
                    result = await self._exchange(job, pieces)
            except TimeoutError as error:
                await self._end()
                raise Unreadable(
                    "timed_out", f"reading it took longer than {self._limits.seconds:.0f} seconds"
                ) from error
            except (OSError, asyncio.IncompleteReadError) as error:
                await self._end()
                raise Unreadable("broken", "the process that read it has died of it") from error
            except BaseException:
                await self._end()
                raise
            self._idle = asyncio.get_running_loop().call_later(self._limits.idle_seconds, self._end_idle)
        if isinstance(result, Refused):
            raise Unreadable(result.code, result.reason)
        return result

    async def aclose(self) -> None:
        """End the process, and what it reads; nothing is read any more."""
        self._is_closed = True
        if self._idle is not None:
            self._idle.cancel()
        await self._end()
        async with self._turn:  # those who wait for their turn, and one whose process is ending, come first
            if self._ending:
                await asyncio.wait(self._ending)

    async def _exchange(self, job: Job, pieces: Iterable[bytes]) -> Result | Refused:
        """Send a file to the process, and return its answer."""
        process = self._process = self._process or await self._started()
        assert process.stdin is not None and process.stdout is not None
        if self._is_closed:
            raise Unreadable("unavailable", "the gateway is stopping")
        with suppress(ConnectionError):  # what it answers, or its death, tells more
            for piece in message(job, pieces):
                process.stdin.write(piece)
                await process.stdin.drain()
        head = msgspec.msgpack.decode(await _frame(process.stdout, self._limits.answer_bytes), type=Answer)
        data: list[bytes] = []
        left = self._limits.answer_bytes
        while piece := await _frame(process.stdout, left):
            left -= len(piece)
            data.append(piece)
        return head if isinstance(head, Refused) else Result(head.value, b"".join(data))

    async def _started(self) -> Process:
        try:
            return await asyncio.create_subprocess_exec(
                *self._command,
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL,
                env={**_needed(os.environ), **FEW_ARENAS},
                start_new_session=True,  # Ctrl+C at the terminal is the client's
            )
        except OSError as error:
            raise Unreadable("unavailable", "the process that reads files cannot be started") from error

    def _end_idle(self) -> None:
        if not self._turn.locked():
            task = asyncio.ensure_future(self._end())
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def _end(self) -> None:
        """Kill the process, if there is one."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.kill()
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


async def _frame(source: asyncio.StreamReader, max_bytes: int) -> bytes:
    """Return the content of the next frame; one that is too long raises `OSError`: the process is not as it was."""
    length = length_of(await source.readexactly(LENGTH_BYTES))
    if length > max_bytes:
        raise OSError("the answer is too long")
    return await source.readexactly(length)
