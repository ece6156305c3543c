"""The soak itself: two gateways, their backends and clients, and the clock."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tests.faults.chaos import ServerProcess, gateway
from tests.parts.raw_backend import free_port

from .engine import ENGINE_KEY, restarted_engine
from .measures import Sample, Trend, trends
from .traffic import Client, EngineClient, Tally

SAMPLES = 120

FAULTY_CLIENTS = 8
ENGINE_CLIENTS = 2

PAUSE_SECONDS = 0.05
"""Of each client between two requests, at most, so that the machine has room for the engine."""

SECONDS_BETWEEN_RESTARTS = (20.0, 90.0)


@dataclass(slots=True)
class Lane:
    """One gateway with what stands behind it."""

    name: str
    process: ServerProcess
    folder: Path
    tally: Tally = field(default_factory=Tally)
    samples: list[Sample] = field(default_factory=list)
    restarts: int = 0

    @property
    def trends(self) -> list[Trend]:
        """How its resources developed."""
        return trends(self.samples)

    async def sample(self, minutes: float) -> None:
        """Note what the gateway holds."""
        held = await self.process.ask()
        size = sum(file.stat().st_size for file in self.folder.rglob("*") if file.is_file())
        self.samples.append(Sample(minutes, held, size, self.tally.outcomes.total()))


@dataclass(frozen=True, slots=True)
class Soak:
    """The whole run, or as much of it as there was time for."""

    minutes: float
    lanes: list[Lane]

    @property
    def has_failed(self) -> bool:
        """Whether any reply was wrong, or anything grew."""
        return any(
            lane.tally.outcomes["WRONG"] or not all(trend.is_flat for trend in lane.trends) for lane in self.lanes
        )


async def soak(folder: Path, minutes: float, seed: int, *, with_engine: bool = True) -> Soak:
    """Let the traffic go on for some minutes; a cancellation ends it early."""
    rng = random.Random(seed)
    lanes: list[Lane] = []
    began = time.monotonic()
    async with AsyncExitStack() as stack:
        await _begin_faulty(folder / "faulty", rng, lanes, stack)
        if with_engine:
            await _begin_engine(folder / "engine", rng, lanes, stack)
        began = time.monotonic()
        with suppress(asyncio.CancelledError):
            await _sampled(lanes, began, minutes)
    return Soak((time.monotonic() - began) / 60, lanes)


async def _sampled(lanes: list[Lane], began: float, minutes: float) -> None:
    """Note at regular times what the gateways hold, until the time is over."""
    for number in range(1, SAMPLES + 1):
        await asyncio.sleep(max(began + minutes * 60 * number / SAMPLES - time.monotonic(), 0))
        for lane in lanes:
            await lane.sample((time.monotonic() - began) / 60)


async def _begin_faulty(folder: Path, rng: random.Random, lanes: list[Lane], stack: AsyncExitStack) -> None:
    """Start a gateway before a backend that breaks half of its replies, and is killed and replaced."""
    port = free_port()
    process, gateway_port = await stack.enter_async_context(gateway(folder, f"http://127.0.0.1:{port}/v1"))
    lane = Lane("a backend that breaks half of its replies", process, folder)
    lanes.append(lane)
    await stack.enter_async_context(_background(lambda: _restarted_backends(port, lane, random.Random(rng.random()))))
    for number in range(FAULTY_CLIENTS):
        client = Client(gateway_port, lane.tally, f"client {number}", random.Random(rng.random()))
        await stack.enter_async_context(_background(partial(_repeated, client.step, lane.tally, rng)))


async def _begin_engine(folder: Path, rng: random.Random, lanes: list[Lane], stack: AsyncExitStack) -> None:
    """Start a gateway before a real engine, which is killed and started again."""
    engine = await stack.enter_async_context(restarted_engine(folder / "engine-logs"))
    process, gateway_port = await stack.enter_async_context(gateway(folder, engine.base_url, ENGINE_KEY))
    lane = Lane("the embedded engine, killed now and then", process, folder)
    lanes.append(lane)

    async def restarts() -> None:
        while True:
            await asyncio.sleep(rng.uniform(*SECONDS_BETWEEN_RESTARTS))
            engine.restart()
            lane.restarts += 1

    await stack.enter_async_context(_background(restarts))
    for _ in range(ENGINE_CLIENTS):
        client = EngineClient(gateway_port, lane.tally, random.Random(rng.random()))
        await stack.enter_async_context(_background(partial(_repeated, client.step, lane.tally, rng)))


async def _restarted_backends(port: int, lane: Lane, rng: random.Random) -> None:
    """Run one backend after the other; the next one is ready before the last is killed."""
    backend = await _ready_backend(port)
    try:
        await backend.ask()
        while True:
            following = await _ready_backend(port)
            await asyncio.sleep(rng.uniform(*SECONDS_BETWEEN_RESTARTS))
            await backend.kill()
            backend = following
            lane.restarts += 1
            await asyncio.sleep(rng.uniform(0.0, 2.0))
            await backend.ask()
    finally:
        await backend.kill()


async def _ready_backend(port: int) -> ServerProcess:
    backend = await ServerProcess.start("backend", str(port))
    await backend.read_line()
    return backend


async def _repeated(step: Callable[[], Awaitable[None]], tally: Tally, rng: random.Random) -> None:
    while True:
        try:
            await step()
        except ConnectionRefusedError:
            tally.outcomes["not connected"] += 1
        except TimeoutError:  # of a client: the gateway waits longer for a slow engine
            tally.outcomes["given up after a minute of silence"] += 1
        await asyncio.sleep(rng.uniform(0.0, PAUSE_SECONDS))


@asynccontextmanager
async def _background(work: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Run work beside the block; an error of it is raised at the end."""
    task = asyncio.ensure_future(work())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
