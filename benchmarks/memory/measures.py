"""A gateway in a process of its own, and the memory that it has resident."""

import asyncio
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from benchmarks.gateway.contestants import free_port
from benchmarks.gateway.processes import Launch, private_environment, running

from .attacks import ATTACKS, Scale
from .backend import MODEL, AttackingBackend
from .client import Client

MEBIBYTE = 1024**2

LARGEST_REQUEST_BYTES = 31_000_000

REQUEST_MULTIPLE = 8
"""What a request takes at most while it is decoded and encoded, in bytes of memory for each byte of its body: 6.8 where
each part has an emoji, 3.5 with a picture (tracemalloc, CPython 3.11), and the body itself."""

SETTLE_SECONDS = 1.0
"""After an attack: what is dropped is freed within a tick of the event loop, and caches are written."""

ATTACK_SECONDS = 600.0
"""After which an attack is given up: earlier versions took hours over some."""

GIVEN_UP = "given up"

RESET_PEAK = "5"
"""Written to `/proc/PID/clear_refs`, it resets `VmHWM` (proc_pid_clear_refs(5))."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The gateway's budget, the size of the attacks, and the gateway's interpreter and core."""

    budget_mib: int
    scale: Scale = Scale()  # noqa: RUF009 (it is frozen)
    python: str = sys.executable
    core: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """
    How an attack was answered; the gateway's resident bytes before it, at most during it, and after it; and the
    budget's own account.
    """

    title: str
    answers: Mapping[str, int]
    before: int
    peak: int
    after: int
    kept: Mapping[str, int]
    dropped: int
    refused: int


@dataclass(frozen=True, slots=True)
class Measures:
    """The rows of a run, the resident bytes before them, and what the budget and the largest request allow."""

    rows: tuple[Row, ...]
    base: int
    budget: int
    allowed: int

    @property
    def broken(self) -> tuple[Row, ...]:
        """The rows in which the gateway took more than it may."""
        return tuple(row for row in self.rows if row.peak > self.allowed)


def _ignore(row: Row) -> None:
    """Say nothing."""


async def measured(names: Iterable[str], plan: Plan, folder: Path, say: Callable[[Row], None] = _ignore) -> Measures:
    """Play attacks against one gateway, and return what it took; `say` gets each row when it is over."""
    scale, budget_mib = plan.scale, plan.budget_mib
    backend = AttackingBackend()
    rows: list[Row] = []
    async with backend.listening() as backend_port:
        launch = _launch(folder, backend_port, plan)
        async with running(launch, plan.core) as process:
            memory = ResidentMemory(process.pid)
            client = Client(launch.port)
            await asyncio.sleep(SETTLE_SECONDS)
            base = memory.now()
            for name in names:
                rows.append(await _row(name, client, backend, memory, scale, launch.port))
                say(rows[-1])
    largest = round(LARGEST_REQUEST_BYTES * scale.share)
    budget = budget_mib * MEBIBYTE
    return Measures(tuple(rows), base, budget, base + budget + REQUEST_MULTIPLE * largest)


class ResidentMemory:
    """The resident memory of a process, by the kernel's account (Linux)."""

    def __init__(self, pid: int) -> None:
        self._folder = Path(f"/proc/{pid}")

    def now(self) -> int:
        """Return the resident bytes."""
        return self._field("VmRSS")

    def peak(self) -> int:
        """Return the most resident bytes since the last `reset`."""
        return self._field("VmHWM")

    def reset(self) -> None:
        """Let the peak begin anew."""
        (self._folder / "clear_refs").write_text(RESET_PEAK)

    def _field(self, name: str) -> int:
        lines = (self._folder / "status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


async def _row(
    name: str, client: Client, backend: AttackingBackend, memory: ResidentMemory, scale: Scale, port: int
) -> Row:
    attack = ATTACKS[name]
    before = memory.now()
    memory.reset()
    client.answers.clear()
    try:
        async with asyncio.timeout(ATTACK_SECONDS):
            await attack.play(client, backend, scale)
    except TimeoutError:
        client.answers[GIVEN_UP] += 1
    await asyncio.sleep(SETTLE_SECONDS)
    backend.reply, backend.is_endless = "short", False
    peak, after = memory.peak(), memory.now()
    kept, dropped, refused = await _account(port)
    return Row(attack.title, dict(client.answers), before, peak, after, kept, dropped, refused)


async def _account(port: int) -> tuple[Mapping[str, int], int, int]:
    waiting = aiohttp.ClientTimeout(total=ATTACK_SECONDS)
    address = f"http://127.0.0.1:{port}/health"
    async with aiohttp.ClientSession(timeout=waiting) as session, session.get(address) as response:
        account = (await response.json()).get("memory", {})
    return account.get("kept_bytes", {}), account.get("dropped", 0), account.get("refused", 0)


def _launch(folder: Path, backend_port: int, plan: Plan) -> Launch:
    port = free_port()
    backend = f"http://127.0.0.1:{backend_port}/v1"
    command = [plan.python, "-m", "anyclaude", "serve", "--mode", "vllm", "--backend-url", backend]
    command += ["--model", MODEL, "--port", str(port)]
    environment = private_environment(
        folder, ANYCLAUDE_MEMORY_MIB=str(plan.budget_mib), ANYCLAUDE_PARALLEL_REQUESTS="64"
    )
    return Launch(command, environment, folder, port)
