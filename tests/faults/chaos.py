"""
Many streams at once through a gateway whose backend breaks replies at random and is killed again and again.

Gateway and backend are processes of their own; the clients read fast, slowly, or vanish.  Each reply that a client may
take for whole is compared with what the backend meant, and at the end the gateway must hold what it held before.
"""

import asyncio
import json
import random
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.chaos_roles import meant_by
from tests.faults.spectator import Asking, parsed, see
from tests.faults.sweep import Case, outcome_of
from tests.parts.faulty_backend import reset
from tests.parts.raw_backend import free_port
from tests.parts.raw_client import request

ANY = frozenset({"whole", "broken", "refused"})

LOOKS = 200
"""How often the gateway is looked at until it has let go of everything."""

SAMPLES = 20


@dataclass(frozen=True, slots=True)
class Size:
    """How much chaos."""

    streams: int
    at_once: int
    kills: int
    seed: int = 0


@dataclass(slots=True)
class Report:
    """What came of it."""

    outcomes: Counter[str] = field(default_factory=Counter)
    fouls: list[str] = field(default_factory=list)
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

    async def reached(self, count: int) -> None:
        """Wait until so many streams are through."""
        async with self.counted:
            await self.counted.wait_for(lambda: self.outcomes.total() >= count)

    @property
    def leaked(self) -> dict[str, float]:
        """What the gateway holds more of than before, memory apart."""
        names = ("tasks", "files", "sockets")
        return {name: more for name in names if (more := self.after[name] - self.before[name]) > 0}

    def lines(self) -> list[str]:
        """Say it."""
        megabytes = " ".join(f"{memory / 2**20:.0f}" for memory in self.memory)
        outcomes = ", ".join(f"{count} {name}" for name, count in sorted(self.outcomes.items()))
        return [
            f"{self.outcomes.total()} streams: {outcomes}; the backend was killed {self.kills} times",
            f"silent truncations and other fouls: {len(self.fouls)}",
            f"leaked: {self.leaked or 'nothing'} (before {dict(self.before)}, after {dict(self.after)})",
            f"resident memory over time, MiB: {megabytes}",
        ]


class Servant:
    """A process that answers lines with JSON."""

    def __init__(self, process: Process) -> None:
        self.process = process

    @classmethod
    async def start(cls, *role: str) -> "Servant":
        """Start a process in a role."""
        command = (sys.executable, "-m", "tests.faults.chaos_roles", *role)
        return cls(await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE))

    async def hear(self) -> dict[str, float]:
        """Return the next line it says."""
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        assert line, f"the process ended with {await self.process.wait()}"
        heard: dict[str, float] = json.loads(line)
        return heard

    async def look(self) -> dict[str, float]:
        """Ask it what it holds."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        await self.process.stdin.drain()
        return await self.hear()

    async def kill(self) -> None:
        """Kill it, without a warning."""
        with suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()


async def run(folder: Path, size: Size) -> Report:
    """Let it happen."""
    port = free_port()
    report = Report()
    dice = random.Random(size.seed)
    async with gateway(folder, f"http://127.0.0.1:{port}/v1") as (servant, gateway_port):
        await see("127.0.0.1", gateway_port, request("POST", "/v1/messages", b"?", {"Connection": "close"}))
        report.before = await servant.look()  # after one request, which has opened the journal
        destroyer = asyncio.create_task(_destroy(port, size, report))
        streams = iter(
            [(f"stream {number}, seed {size.seed}", random.Random(dice.random())) for number in range(size.streams)]
        )
        sampler = _Sampler(servant, report, size.streams)
        await asyncio.gather(*(_clients(streams, gateway_port, report, sampler) for _ in range(size.at_once)))
        destroyer.cancel()
        with suppress(asyncio.CancelledError):
            await destroyer
        report.after = await _settled(servant, report)
    return report


@asynccontextmanager
async def gateway(folder: Path, backend_url: str) -> AsyncIterator[tuple[Servant, int]]:
    """Run a gateway in a process of its own; yields it and its port."""
    servant = await Servant.start("gateway", str(folder), backend_url)
    try:
        yield servant, int(str((await servant.hear())["url"]).rpartition(":")[2])
    finally:
        assert servant.process.stdin is not None
        servant.process.stdin.close()
        await servant.process.wait()


class _Sampler:
    """Looks at the gateway's memory now and then."""

    def __init__(self, servant: Servant, report: Report, streams: int) -> None:
        self._servant = servant
        self._report = report
        self._every = max(streams // SAMPLES, 1)
        self._lock = asyncio.Lock()

    async def sample(self) -> None:
        """Look, if enough streams have ended since."""
        if self._report.outcomes.total() % self._every == 0:
            async with self._lock:
                self._report.memory.append((await self._servant.look())["memory"])


async def _destroy(port: int, size: Size, report: Report) -> None:
    """Run the backend, and kill it whenever another part of the streams is through."""
    while True:
        backend = await Servant.start("backend", str(port))
        try:
            await backend.hear()
            await report.reached(size.streams * (report.kills + 1) // (size.kills + 1))
            report.kills += 1
        finally:
            await backend.kill()


async def _clients(streams: Iterator[tuple[str, random.Random]], port: int, report: Report, sampler: _Sampler) -> None:
    for name, dice in streams:
        asking = dice.choice(list(Asking))
        manner = dice.choices(["reads", "reads slowly", "vanishes"], [6, 2, 2])[0]
        raw, was_reset = await _converse(port, asking.request(name), manner, dice)
        outcome = "vanished"
        if manner != "vanishes":
            try:
                outcome = outcome_of(Case(name, asking, (), meant_by(name), ANY), parsed(raw, was_reset))
            except AssertionError as error:
                outcome = "FOUL"
                report.fouls.append(f"{name} [{asking.value}]: {error}\n    saw {raw[-3000:]!r}")
        await report.count(outcome)
        await sampler.sample()


async def _converse(port: int, asked: bytes, manner: str, dice: random.Random) -> tuple[bytes, bool]:
    """Send a request and read the response in one of the manners; return its bytes, and whether it was reset."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    raw = bytearray()
    timeouts = dice.randrange(4000)
    try:
        writer.write(asked)
        while piece := await asyncio.wait_for(reader.read(200 if manner == "reads slowly" else 65536), 60.0):
            raw += piece
            if manner == "reads slowly":
                await asyncio.sleep(0.002)
            if manner == "vanishes" and len(raw) >= timeouts:
                break
    except ConnectionError:
        return bytes(raw), True
    finally:
        if manner == "vanishes" and dice.random() < 0.5:
            reset(writer)
        writer.transport.abort()
    return bytes(raw), False


async def _settled(servant: Servant, report: Report) -> Mapping[str, float]:
    """Look until the gateway holds no more than before, or until it is clear that it will not come to that."""
    for _ in range(LOOKS):
        report.after = await servant.look()
        if not report.leaked:
            break
        await asyncio.sleep(0.1)
    return report.after
