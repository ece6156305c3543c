"""A relay in front of a server that breaks one streamed reply off."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

READ_BYTES = 65_536


@dataclass(slots=True)
class CutConnection:
    """The relay: its address, the bytes of the first stream that it lets through, and whether it has cut it."""

    server_port: int
    stream_bytes: int
    port: int = 0
    has_cut: bool = False
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def origin(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on, both ways, until either side closes it."""
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self.server_port)
        tasks = {
            asyncio.create_task(self._pass_on(reader, to_server)),
            asyncio.create_task(self._pass_back(from_server, writer)),
        }
        self._tasks |= tasks
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        to_server.close()
        writer.close()

    async def stop(self) -> None:
        """End what is still being passed on."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(READ_BYTES):
            writer.write(data)
            await writer.drain()

    async def _pass_back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        passed = 0
        is_stream = False
        while data := await reader.read(READ_BYTES):
            is_stream = is_stream or b"text/event-stream" in data
            passed += len(data)
            if is_stream and not self.has_cut and passed > self.stream_bytes:
                self.has_cut = True
                writer.transport.abort()
                return
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def cut_connection(server_port: int, stream_bytes: int) -> AsyncIterator[CutConnection]:
    """Relay connections to a server for the duration of the context."""
    cut = CutConnection(server_port, stream_bytes)
    listening = await asyncio.start_server(cut.relay, "127.0.0.1", 0)
    cut.port = listening.sockets[0].getsockname()[1]
    try:
        yield cut
    finally:
        listening.close()
        await cut.stop()
