"""The measures of one contestant; each is bounded in time, so that a slow contestant also ends."""

import asyncio
import itertools
import json
import math
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from .load import Connection, Endpoint, EventsSeen, LoadError, connections
from .mock_backend import MockBackend, Script, reply_text, stream_tag
from .processes import PinnedProcess

CHECK_SECONDS = 60.0
"""LiteLLM imports modules for five seconds at its first request."""

TOKENS_PER_SECOND = 50.0
"""The generation speed of a fast local model."""

EXTRA_SECONDS = 10.0
"""The most by which a measure is extended until as many replies are complete as there are streams."""

RAMP_SECONDS = 15.0
"""Paced streams that start later than this do not count."""


@dataclass(frozen=True, slots=True)
class Harness:
    """The backend, the contestant's endpoint, and a request body with the tag of each stream."""

    backend: MockBackend
    endpoint: Endpoint
    clock: Callable[[], float]
    bodies: Sequence[bytes]
    sessions: Iterator[int] = field(default_factory=itertools.count)

    def requests(self, count: int) -> list[bytes]:
        """
        Return a request for each of `count` streams.

        Each request has its own session: anyclaude re-attaches a request to the reply of an identical one that was just
        abandoned, which would be the reply of another measure.
        """
        return [self.endpoint.request(body, next(self.sessions)) for body in self.bodies[:count]]


@dataclass(frozen=True, slots=True)
class Rate:
    """The events received in a number of seconds, and the processor time the contestant took for them."""

    events: int
    seconds: float
    cpu_seconds: float | None

    @property
    def per_second(self) -> float:
        """Events per second."""
        return self.events / self.seconds


@dataclass(frozen=True, slots=True)
class Pacing:
    """How a contestant kept up with streams whose tokens are sent one at a time."""

    streams: int
    started: int
    sent: int
    received: int
    lateness: Sequence[float]
    cpu_seconds: float | None
    bytes_per_stream: float | None

    @property
    def delivered_share(self) -> float:
        """The events that arrived during the measure, as a share of those sent during it."""
        return self.received / self.sent if self.sent else 0.0


async def check(harness: Harness, tokens: int = 32) -> None:
    """
    Check that the whole text of a reply arrives.

    Raises:
        LoadError: when the text differs from what the backend sent.
    """
    harness.backend.script = Script(tokens)
    received: list[bytes] = []
    async with connections(harness.endpoint, 1, harness.clock) as [connection], asyncio.timeout(CHECK_SECONDS):
        await connection.ask(harness.requests(1)[0], text=received)
    if _text_in(b"".join(received)) != reply_text(tokens):
        raise LoadError("the text that arrived is not the text that was sent")


async def first_events(
    harness: Harness, streams: int, seconds: float, script: Script, pause_seconds: float = 0.0
) -> list[float]:
    """Return the waits for the first event with text, on streams that repeat their request after each reply."""
    harness.backend.script = script
    waits: list[float] = []

    async def ask_repeatedly(connection: Connection, request: bytes, delay: float) -> None:
        await asyncio.sleep(delay)
        while harness.clock() < end:
            await asyncio.sleep(pause_seconds)
            waits.append((await connection.ask(request)).wait)

    async with connections(harness.endpoint, streams, harness.clock) as opened, asyncio.TaskGroup() as group:
        period = script.tokens / script.per_second if script.per_second else 0.0
        end = harness.clock() + seconds
        for number, (connection, request) in enumerate(zip(opened, harness.requests(streams), strict=True)):
            group.create_task(ask_repeatedly(connection, request, period * number / streams))
    return waits


async def throughput(
    harness: Harness, streams: int, script: Script, seconds: float, process: PinnedProcess | None
) -> Rate:
    """
    Return the rate of events while every stream repeats its request as soon as its reply is complete.

    Raises:
        LoadError: when a reply lacks events.
    """
    harness.backend.script = script
    events = replies = 0
    enough = asyncio.Event()

    def seen(first: int, count: int, now: float) -> None:
        nonlocal events
        events += count

    async def ask_repeatedly(connection: Connection, request: bytes) -> None:
        nonlocal replies
        while True:
            if (await connection.ask(request, seen)).tokens != script.tokens:
                raise LoadError("a reply arrived with events missing")
            replies += 1
            if replies == streams:
                enough.set()

    async with connections(harness.endpoint, streams, harness.clock) as opened:
        work = [ask_repeatedly(*pair) for pair in zip(opened, harness.requests(streams), strict=True)]
        cpu, began = _cpu_seconds(process), harness.clock()
        async with _running(work):
            await asyncio.sleep(seconds)
            await _set_within(enough, EXTRA_SECONDS)
            return Rate(events, harness.clock() - began, _cpu_seconds(process) - cpu if process else None)


async def pacing(harness: Harness, streams: int, seconds: float, process: PinnedProcess | None) -> Pacing:
    """Measure streams whose tokens are sent one at a time; the streams start evenly spread over a second."""
    idle = process.usage().pss_bytes if process else 0
    harness.backend.script = Script(math.ceil((RAMP_SECONDS + 60 + seconds) * TOKENS_PER_SECOND), TOKENS_PER_SECOND)
    harness.backend.sent.clear()
    monitor = _PacingMonitor(harness, streams)
    async with connections(harness.endpoint, streams, harness.clock) as opened:
        work = [
            _stream(connection, request, monitor.observer(stream), stream / streams)
            for stream, (connection, request) in enumerate(zip(opened, harness.requests(streams), strict=True))
        ]
        async with _running(work):
            await monitor.wait_until_started()
            cpu = _cpu_seconds(process)
            monitor.start()
            await asyncio.sleep(seconds)
            monitor.stop()
            used = _cpu_seconds(process) - cpu if process else None
            grown = process.usage().pss_bytes - idle if process else None
    return Pacing(
        streams,
        monitor.started,
        monitor.sent,
        monitor.received,
        monitor.lateness,
        used,
        None if grown is None else grown / streams,
    )


def _cpu_seconds(process: PinnedProcess | None) -> float:
    return process.cpu_seconds() if process else 0.0


async def _set_within(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, but at most this long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


@asynccontextmanager
async def _running(work: Sequence[Coroutine[None, None, None]]) -> AsyncGenerator[None, None]:
    """Run the coroutines until the block ends, then cancel them, and raise the first exception any of them raised."""
    tasks = [asyncio.create_task(item) for item in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome


async def _stream(connection: Connection, request: bytes, seen: EventsSeen, delay: float) -> None:
    await asyncio.sleep(delay)
    await connection.ask(request, seen)


class _PacingMonitor:
    """Counts the events sent and received during the measure, and their lateness."""

    def __init__(self, harness: Harness, streams: int) -> None:
        self._harness = harness
        self._streams = streams
        self._all_started = asyncio.Event()
        self._started: set[int] = set()
        self._is_measuring = False
        self.started = 0
        self.sent = 0
        self.received = 0
        self.lateness: list[float] = []

    def observer(self, stream: int) -> EventsSeen:
        """Return the callback for the events of a stream."""

        def seen(first: int, count: int, now: float) -> None:
            if not self._is_measuring:
                self._started.add(stream)
                if len(self._started) == self._streams:
                    self._all_started.set()
                return
            times = self._harness.backend.sent[stream].times
            self.received += count
            self.lateness.extend(now - time for time in times[first : first + count])

        return seen

    async def wait_until_started(self) -> None:
        """Wait until all streams have started, at most `RAMP_SECONDS`."""
        await _set_within(self._all_started, RAMP_SECONDS)
        await asyncio.sleep(0.5)  # events queued during the start have drained by now, if they ever will

    def start(self) -> None:
        """Start counting."""
        self.started = len(self._started)
        self.sent = -self._sent_so_far()
        self._is_measuring = True

    def stop(self) -> None:
        """Stop counting."""
        self._is_measuring = False
        self.sent += self._sent_so_far()

    def _sent_so_far(self) -> int:
        return sum(len(sent.times) for sent in self._harness.backend.sent.values())


def tagged_bodies(make_body: Callable[[str], bytes], count: int) -> list[bytes]:
    """Return a request body for each of `count` streams."""
    return [make_body(stream_tag(stream)) for stream in range(count)]


def _text_in(stream: bytes) -> str:
    """Return the text of an event stream of either API."""
    pieces: list[str] = []
    for line in stream.decode().splitlines():
        if not line.startswith("data: {"):
            continue
        event = json.loads(line.removeprefix("data: "))
        if event.get("type") == "content_block_delta":
            pieces.append(event["delta"].get("text", ""))
        elif event.get("choices"):
            pieces.append(event["choices"][0]["delta"].get("content") or "")
    return "".join(pieces)
