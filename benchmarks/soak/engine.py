"""A real engine at one address, which is killed and started again behind it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from tests.parts.engines import ENGINE_KEY, running
from tests.parts.weights import smollm2_file

from anyclaude.engine import EngineOptions
from anyclaude.engine.embedded import EmbeddedEngine

PIECE_BYTES = 64 * 1024
OPTIONS = EngineOptions(context_tokens=4096, threads=1)
"""One thread leaves the machine to the gateways; no prompt of the soak needs a larger window."""


class RestartedEngine:
    """Forwards connections to the engine that runs at present; without one they are closed."""

    def __init__(self, folder: Path, model_file: Path) -> None:
        self.restarts = 0
        self.port = 0
        self._folder = folder
        self._model_file = model_file
        self._engine: EmbeddedEngine | None = None
        self._may_restart = asyncio.Event()
        self._runs = asyncio.Event()

    @property
    def base_url(self) -> str:
        """The address, which stays the same."""
        return f"http://127.0.0.1:{self.port}/v1"

    async def run(self) -> None:
        """Run one engine after the other, until cancelled."""
        while True:
            async with running(self._model_file, self._folder, OPTIONS) as engine:
                self._engine = engine
                self._runs.set()
                self._may_restart.clear()
                await self._may_restart.wait()
                self._engine = None
                engine.process.kill()
                await engine.process.wait()
                self.restarts += 1

    async def ready(self) -> None:
        """Wait until the first engine runs."""
        await self._runs.wait()

    def restart(self) -> None:
        """Kill the engine, and let another one start."""
        self._may_restart.set()

    async def forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on to the engine; both ends are closed when one is."""
        engine = self._engine
        if engine is None:
            writer.transport.abort()
            return
        try:
            answers, requests = await asyncio.open_connection("127.0.0.1", int(engine.base_url.rpartition(":")[2]))
        except OSError:
            writer.transport.abort()
            return
        pumps = [asyncio.create_task(_pump(reader, requests)), asyncio.create_task(_pump(answers, writer))]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            for end in (requests, writer):
                end.close()


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while piece := await source.read(PIECE_BYTES):
            target.write(piece)
            await target.drain()


@asynccontextmanager
async def restarted_engine(folder: Path) -> AsyncIterator[RestartedEngine]:
    """Run the demonstration model within the block, at one address."""
    engine = RestartedEngine(folder, await smollm2_file())
    server = await asyncio.start_server(engine.forward, "127.0.0.1", 0)
    engine.port = server.sockets[0].getsockname()[1]
    task = asyncio.create_task(engine.run())
    try:
        await engine.ready()
        yield engine
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        server.close()


__all__ = ["ENGINE_KEY", "RestartedEngine", "restarted_engine"]
