"""A relay in front of a server that breaks one streamed reply off, or holds it up until the gateway does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

READ_BYTES = 65_536


@dataclass(slots=True)
class CutConnection:
    """
    The relay: its address, the bytes of the first stream that it lets through, and whether it has cut it.

    With `holds` it keeps the rest to itself instead, until the gateway closes the connection.
    """

    server_port: int
    stream_bytes: int
    holds: bool = False
    port: int = 0
    has_cut: bool = False
    gateway_left: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the gateway has closed the connection of a stream, whose end is held up."""
    _streaming: set[asyncio.StreamWriter] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def origin(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on, both ways, until either side closes it."""
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self.server_port)
        passing_on = asyncio.create_task(self._pass_on(reader, to_server))
        passing_back = asyncio.create_task(self._pass_back(from_server, writer))
        self._tasks |= {passing_on, passing_back}
        await asyncio.wait((passing_on, passing_back), return_when=asyncio.FIRST_COMPLETED)
        if self.holds and writer in self._streaming:
            self.gateway_left.set()
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
        while data := await reader.read(READ_BYTES):
            if b"text/event-stream" in data:
                self._streaming.add(writer)
            passed += len(data)
            if writer in self._streaming and not self.has_cut and passed > self.stream_bytes:
                self.has_cut = True
                if self.holds:
                    writer.write(data[: max(len(data) - (passed - self.stream_bytes), 0)])
                    await self.gateway_left.wait()
                else:
                    writer.transport.abort()
                return
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def cut_connection(server_port: int, stream_bytes: int, *, holds: bool = False) -> AsyncIterator[CutConnection]:
    """Relay connections to a server for the duration of the context."""
    cut = CutConnection(server_port, stream_bytes, holds)
    listening = await asyncio.start_server(cut.relay, "127.0.0.1", 0)
    cut.port = listening.sockets[0].getsockname()[1]
    try:
        yield cut
    finally:
        listening.close()
        await cut.stop()
