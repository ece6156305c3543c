"""
Many concurrent streams through a gateway whose backend breaks replies at random and is killed repeatedly.

The gateway and the backend are separate processes; the clients read fast, read slowly, or disconnect.  Each reply that
a client may take for whole is compared with the expected one, and at the end the gateway must hold no more tasks, files
and sockets than before.
"""

import asyncio
import itertools
import json
import random
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.chaos_processes import expected_reply_to
from tests.faults.observer import ClientKind, observe, parse_response
from tests.faults.sweep import Case, outcome_of
from tests.parts.faulty_backend import reset
from tests.parts.raw_backend import free_port
from tests.parts.raw_client import request

ANY_OUTCOME = frozenset({"whole", "broken", "refused"})

MAX_RELEASE_CHECKS = 400
"""
How often the gateway's resources are read, 0.1 s apart, before those still held count as leaked.

aiohttp closes a kept connection that has been idle for 15 s, and looks for such connections every 15 s.
"""

MEMORY_SAMPLES = 20

STREAMS_WITHOUT_BACKEND = 8
"""How many streams end between a kill of the backend and its replacement."""


@dataclass(frozen=True, slots=True)
class Load:
    """The number of streams, how many of them run at once, and how often the backend is killed."""

    streams: int
    max_concurrent: int
    kills: int
    seed: int = 0


@dataclass(slots=True)
class Report:
    """The outcome of each stream, and the gateway's resources before, during and after the run."""

    outcomes: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    kills: int = 0
    before: Mapping[str, float] = field(default_factory=dict)
    after: Mapping[str, float] = field(default_factory=dict)
    memory: list[float] = field(default_factory=list)
    counted: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def count(self, outcome: str) -> None:
        """Count one stream."""
        self.outcomes[outcome] += 1
        async with self.counted:
            self.counted.notify_all()

    async def wait_until_counted(self, streams: int) -> None:
        """Wait until this number of streams has ended."""
        async with self.counted:
            await self.counted.wait_for(lambda: self.outcomes.total() >= streams)

    @property
    def leaked(self) -> dict[str, float]:
        """The resources, except memory, of which the gateway holds more than before."""
        names = ("tasks", "files", "sockets")
        return {name: more for name in names if (more := self.after[name] - self.before[name]) > 0}

    def lines(self) -> list[str]:
        """Return the report as text."""
        megabytes = " ".join(f"{memory / 2**20:.0f}" for memory in self.memory)
        outcomes = ", ".join(f"{count} {name}" for name, count in sorted(self.outcomes.items()))
        return [
            f"{self.outcomes.total()} streams: {outcomes}; the backend was killed {self.kills} times",
            f"silent truncations and other violations: {len(self.violations)}",
            f"leaked: {self.leaked or 'nothing'} (before {dict(self.before)}, after {dict(self.after)})",
            f"resident memory over time, MiB: {megabytes}",
        ]


class ServerProcess:
    """A process of `chaos_processes`, which answers a line on its standard input with a line of JSON."""

    def __init__(self, process: Process) -> None:
        self.process = process

    @classmethod
    async def start(cls, *arguments: str) -> "ServerProcess":
        """Start a process with these arguments."""
        command = (sys.executable, "-m", "tests.faults.chaos_processes", *arguments)
        return cls(await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE))

    async def read_line(self) -> dict[str, float]:
        """Return the next line of its output, decoded."""
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        assert line, f"the process ended with {await self.process.wait()}"
        decoded: dict[str, float] = json.loads(line)
        return decoded

    async def ask(self) -> dict[str, float]:
        """Send an empty line, and return the answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        await self.process.stdin.drain()
        return await self.read_line()

    async def kill(self) -> None:
        """Kill it without a chance to clean up."""
        with suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()


async def run(folder: Path, load: Load) -> Report:
    """Send the streams while the backend is killed and replaced, and return the report."""
    port = free_port()
    report = Report()
    rng = random.Random(load.seed)
    async with (
        gateway(folder, f"http://127.0.0.1:{port}/v1") as (process, gateway_port),
        _standby_backends(port, load.kills + 1) as backends,
    ):
        await observe("127.0.0.1", gateway_port, request("POST", "/v1/messages", b"?", {"Connection": "close"}))
        report.before = await process.ask()  # after one request, which has opened the journal
        await backends[0].ask()
        may_begin = asyncio.Event()
        may_begin.set()
        killer = asyncio.create_task(_kill_and_replace(backends, load, report, may_begin))
        streams = iter(
            [(f"stream {number}, seed {load.seed}", random.Random(rng.random())) for number in range(load.streams)]
        )
        sampler = _MemorySampler(process, report, load.streams)
        await asyncio.gather(
            *(_run_streams(streams, gateway_port, report, sampler, may_begin) for _ in range(load.max_concurrent))
        )
        killer.cancel()
        with suppress(asyncio.CancelledError):
            await killer
        report.after = await _resources_after_release(process, report)
    return report


@asynccontextmanager
async def gateway(
    folder: Path, backend_url: str, engine_key: str | None = None
) -> AsyncIterator[tuple[ServerProcess, int]]:
    """Run a gateway in a separate process, and yield the process and its port; `engine_key` is for a real engine."""
    engine = () if engine_key is None else (engine_key,)
    process = await ServerProcess.start("engine-gateway" if engine else "gateway", str(folder), backend_url, *engine)
    try:
        yield process, int(str((await process.read_line())["url"]).rpartition(":")[2])
    finally:
        assert process.process.stdin is not None
        process.process.stdin.close()
        await process.process.wait()


class _MemorySampler:
    """Records the gateway's memory at regular intervals of the run."""

    def __init__(self, process: ServerProcess, report: Report, streams: int) -> None:
        self._process = process
        self._report = report
        self._interval = max(streams // MEMORY_SAMPLES, 1)
        self._lock = asyncio.Lock()

    async def sample(self) -> None:
        """Record the memory if another interval of streams has ended."""
        if self._report.outcomes.total() % self._interval == 0:
            async with self._lock:
                self._report.memory.append((await self._process.ask())["memory"])


@asynccontextmanager
async def _standby_backends(port: int, count: int) -> AsyncIterator[list[ServerProcess]]:
    """
    Start backends that are ready to listen on one port, and kill them when the block ends.

    On a busy machine a process takes longer to start than the gateway retries, so that most streams would end without a
    backend.  With standby processes the time without one does not depend on the machine.
    """
    backends: list[ServerProcess] = []
    try:
        for _ in range(count):
            backends.append(await ServerProcess.start("backend", str(port)))
        for backend in backends:
            await backend.read_line()
        yield backends
    finally:
        for backend in backends:
            await backend.kill()


async def _kill_and_replace(
    backends: list[ServerProcess], load: Load, report: Report, may_begin: asyncio.Event
) -> None:
    """
    Kill the backend each time another share of the streams has ended, and let the next one listen a little later.

    Meanwhile no stream begins: on a busy machine, all of them would end before the next one listens.
    """
    for number, (backend, replacement) in enumerate(itertools.pairwise(backends), start=1):
        await report.wait_until_counted(load.streams * number // (load.kills + 1))
        await backend.kill()
        report.kills += 1
        await report.wait_until_counted(report.outcomes.total() + STREAMS_WITHOUT_BACKEND)
        may_begin.clear()
        await replacement.ask()
        may_begin.set()


async def _run_streams(
    streams: Iterator[tuple[str, random.Random]],
    port: int,
    report: Report,
    sampler: _MemorySampler,
    may_begin: asyncio.Event,
) -> None:
    for name, rng in streams:
        await may_begin.wait()
        client = rng.choice(list(ClientKind))
        behaviour = rng.choices(["reads", "reads slowly", "disconnects"], [6, 2, 2])[0]
        raw, was_reset = await exchange(port, client.request(name), behaviour, rng)
        outcome = "disconnected"
        if behaviour != "disconnects":
            case = Case(name, client, (), expected_reply_to(name), ANY_OUTCOME)
            try:
                outcome = outcome_of(case, parse_response(raw, was_reset))
            except AssertionError as error:
                outcome = "VIOLATION"
                report.violations.append(f"{name} [{client.value}]: {error}\n    received {raw[-3000:]!r}")
        await report.count(outcome)
        await sampler.sample()


async def exchange(port: int, sent: bytes, behaviour: str, rng: random.Random) -> tuple[bytes, bool]:
    """Send a request and read the response as the behaviour says; return its bytes, and whether it was reset."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    raw = bytearray()
    max_bytes = rng.randrange(4000)
    try:
        writer.write(sent)
        while piece := await asyncio.wait_for(reader.read(200 if behaviour == "reads slowly" else 65536), 60.0):
            raw += piece
            if behaviour == "reads slowly":
                await asyncio.sleep(0.002)
            if behaviour == "disconnects" and len(raw) >= max_bytes:
                break
    except ConnectionError:
        return bytes(raw), True
    finally:
        if behaviour == "disconnects" and rng.random() < 0.5:
            reset(writer)
        writer.transport.abort()
    return bytes(raw), False


async def _resources_after_release(process: ServerProcess, report: Report) -> Mapping[str, float]:
    """Return the gateway's resources once they are no more than before, or after the last check."""
    for _ in range(MAX_RELEASE_CHECKS):
        report.after = await process.ask()
        if not report.leaked:
            break
        await asyncio.sleep(0.1)
    return report.after
