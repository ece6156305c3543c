"""
Writes a reply as server-sent events.

The status is the only thing that cannot be taken back, so it is held for `commit_seconds`: a quick refusal stays a
real HTTP status.  After that the client gets 200, `message_start` and a `ping` in every silence, so that a slow prefill
does not look dead.
"""

import asyncio
import socket
import struct
from contextlib import suppress

from aiohttp import web
from msgspec import Struct

from anyclaude.errors import AnyclaudeError, BackendRejected
from anyclaude.protocol.events import Ping, StreamEvent, encode_event, encode_events

from .responses import REQUEST_ID_HEADER

PING = encode_event(Ping())

EVENT_STREAM_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache",
    "X-Accel-Buffering": "no",
}


class StreamTiming(Struct, frozen=True):
    """How long the status is held, and how long a silence may last before a ping, in seconds."""

    commit_seconds: float = 5.0
    ping_seconds: float = 10.0


def recovers_by_retrying(error: AnyclaudeError) -> bool:
    """
    Return whether Claude Code recovers from this failure of a stream best by a broken connection.

    It answers an `error` event by requesting the whole prompt again without streaming, and gives up after 300 s; after
    a broken connection it requests again with streaming within half a second.  A refusal that will not change is not
    worth a retry, so every client gets it as an event.
    """
    return not isinstance(error, BackendRejected) or error.is_transient


class EventWriter:
    """
    One response, event by event.

    `write` waits for the client: a slow client slows the backend down, and is never cut off for it.  No ping is sent
    while a write waits.
    """

    def __init__(self, request: web.BaseRequest, request_id: str, ping_seconds: float) -> None:
        self._request = request
        self._response = web.StreamResponse(headers={**EVENT_STREAM_HEADERS, REQUEST_ID_HEADER: request_id})
        self._ping_seconds = ping_seconds
        self._loop = asyncio.get_running_loop()
        self._last_write = 0.0
        self._writing = False
        self._timer: asyncio.TimerHandle | None = None
        self._ping: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Send the status and the headers, and start to keep the connection alive."""
        await self._response.prepare(self._request)
        self._last_write = self._loop.time()
        self._check_again_at(self._last_write + self._ping_seconds)

    async def write(self, events: list[StreamEvent]) -> None:
        """Send a batch of events; raises `ConnectionError` when the client is gone."""
        if events:
            await self._send(encode_event(events[0]) if len(events) == 1 else encode_events(events))

    async def end(self) -> web.StreamResponse:
        """End a stream that is whole."""
        self.stop()
        await self._response.write_eof()
        return self._response

    async def fail(self, events: list[StreamEvent]) -> web.StreamResponse:
        """End a stream that cannot become whole with the events that say so."""
        self.stop()
        with suppress(ConnectionError):
            await self._response.write(encode_events(events))
            await self._response.write_eof()
        return self._response

    def reset(self) -> web.StreamResponse:
        """Break the connection with a reset: after a plain close, the client could take a cut reply for a whole one."""
        self.stop()
        transport = self._request.transport
        if transport is not None:
            if (connection := transport.get_extra_info("socket")) is not None:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        return self._response

    def stop(self) -> None:
        """Send no more pings."""
        for pending in (self._timer, self._ping):
            if pending is not None:
                pending.cancel()

    async def _send(self, data: bytes) -> None:
        self._writing = True
        try:
            await self._response.write(data)
        finally:
            self._writing = False
            self._last_write = self._loop.time()

    def _check_again_at(self, moment: float) -> None:
        self._timer = self._loop.call_at(moment, self._keep_alive)

    def _keep_alive(self) -> None:
        """Send a ping if nothing has been written for long enough; nearly every stream ends before it needs one."""
        now = self._loop.time()
        due = (now if self._writing else self._last_write) + self._ping_seconds
        if due <= now:
            self._ping = asyncio.create_task(self._send_ping())
            due = now + self._ping_seconds
        self._check_again_at(due)

    async def _send_ping(self) -> None:
        with suppress(ConnectionError):  # the next write raises it
            await self._send(PING)
