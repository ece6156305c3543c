"""
Writes a reply as server-sent events.

The status cannot be changed once it is sent, so it is held for `commit_seconds`: an early refusal is then still a real
HTTP status.  After that the client receives 200, `message_start`, and a `ping` in every silence, so that a slow prefill
does not look like a dead connection.
"""

import asyncio
import socket
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import MappingProxyType

from aiohttp import web

from anyclaude.errors import AnyclaudeError, BackendRejected, BackendUntrusted
from anyclaude.protocol.events import Ping, StreamEvent, encode_event, encode_events

from .options import StreamTiming
from .responses import REQUEST_ID_HEADER

PING = encode_event(Ping())

EVENT_STREAM_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache",
    "X-Accel-Buffering": "no",
}

NO_HEADERS: Mapping[str, str] = MappingProxyType({})


def recovers_by_retrying(error: AnyclaudeError) -> bool:
    """
    Return whether Claude Code recovers better if this failure of a stream breaks the connection.

    After an `error` event it sends the whole prompt again without streaming, and gives up after 300 s; after a broken
    connection it sends the request again with streaming, within half a second.  A refusal that will not change is not
    worth a retry, so every client receives it as an event.  But a prompt that is too long is refused the second time
    with its HTTP status, on which Claude Code compacts the conversation.
    """
    if isinstance(error, BackendUntrusted):
        return False
    return not isinstance(error, BackendRejected) or error.is_transient or error.is_too_long


class EventWriter:
    """
    One response, written event by event.

    `write` waits for the client: a slow client slows the backend down.  Only if a write has waited for
    `StreamTiming.stopped_seconds`, `may_reset` is asked whether others wait for the backend; then the connection is
    reset, as no event would be read.  No ping is sent while a write waits.
    """

    def __init__(
        self,
        request: web.BaseRequest,
        request_id: str,
        timing: StreamTiming,
        headers: Mapping[str, str] = NO_HEADERS,
        may_reset: Callable[[float], bool] = lambda seconds: False,
    ) -> None:
        self._request = request
        self._response = web.StreamResponse(headers={**EVENT_STREAM_HEADERS, **headers, REQUEST_ID_HEADER: request_id})
        self._ping_seconds = timing.ping_seconds
        self._stopped_seconds = timing.stopped_seconds
        self._may_reset = may_reset
        self._loop = asyncio.get_running_loop()
        self._last_write = 0.0
        self._writing_since: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ping: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Send the status and the headers, and start the pings."""
        await self._response.prepare(self._request)
        self._last_write = self._loop.time()
        self._schedule_check(self._last_write + self._ping_seconds)

    async def write(self, events: list[StreamEvent]) -> None:
        """Send a batch of events.  Raises `ConnectionError` if the client has disconnected."""
        if events:
            await self._send(encode_event(events[0]) if len(events) == 1 else encode_events(events))

    async def end(self) -> web.StreamResponse:
        """End a complete stream."""
        self.stop()
        await self._response.write_eof()
        return self._response

    async def fail(self, events: list[StreamEvent]) -> web.StreamResponse:
        """End an incomplete stream with the events that report the failure."""
        self.stop()
        with suppress(ConnectionError):
            await self._response.write(encode_events(events))
            await self._response.write_eof()
        return self._response

    def reset(self) -> web.StreamResponse:
        """Reset the connection: after a plain close, the client could take a cut-off reply for a complete one."""
        self.stop()
        transport = self._request.transport
        if transport is not None:
            if (connection := transport.get_extra_info("socket")) is not None:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        return self._response

    def stop(self) -> None:
        """Stop the pings."""
        for pending in (self._timer, self._ping):
            if pending is not None:
                pending.cancel()

    async def _send(self, data: bytes) -> None:
        self._writing_since = self._last_write = self._loop.time()
        try:
            await self._response.write(data)
        finally:
            self._writing_since = None
            self._last_write = self._loop.time()

    def _schedule_check(self, at: float) -> None:
        self._timer = self._loop.call_at(at, self._keep_alive)

    def _keep_alive(self) -> None:
        """Send a ping if nothing has been written for long enough; nearly every stream ends before it needs one."""
        now, writing_since = self._loop.time(), self._writing_since
        waited = 0.0 if writing_since is None else now - writing_since
        if waited >= self._stopped_seconds and self._may_reset(waited):
            self.reset()
            return
        due = (self._last_write if writing_since is None else now) + self._ping_seconds
        if due <= now:
            self._ping = asyncio.create_task(self._send_ping())
            due = now + self._ping_seconds
        self._schedule_check(due)

    async def _send_ping(self) -> None:
        with suppress(ConnectionError):  # the next write raises it
            await self._send(PING)
