"""What is measured, of one contestant at a time; every measure is bounded in time, so that a slow one ends too."""

import asyncio
import itertools
import json
import math
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from .load import Connection, Door, EventsSeen, LoadError, connections
from .mock_backend import MockBackend, Script, mark, reply_text
from .processes import PinnedProcess

CHECK_SECONDS = 60.0
"""The first request makes LiteLLM import for five seconds."""

TOKENS_PER_SECOND = 50.0
"""A fast local model's pace."""

PATIENCE_SECONDS = 10.0
"""A contestant that has not got through as many replies as there are streams is given this much longer."""

RAMP_SECONDS = 15.0
"""Paced streams begin within this time, or do not count."""


@dataclass(frozen=True, slots=True)
class Rig:
    """What every measure needs: the backend, the way to it, and a body for each stream (its mark in it)."""

    backend: MockBackend
    door: Door
    clock: Callable[[], float]
    bodies: Sequence[bytes]
    sessions: Iterator[int] = field(default_factory=itertools.count)

    def requests(self, count: int) -> list[bytes]:
        """
        Return a request for each of so many streams.

        Each is of a session of its own: a request that repeats one which was given up a moment ago gets that one's
        reply from anyclaude, and here that would be the reply of another measure.
        """
        return [self.door.request(body, next(self.sessions)) for body in self.bodies[:count]]


@dataclass(frozen=True, slots=True)
class Rate:
    """How many events came in how many seconds, and the processor time the contestant took for them."""

    events: int
    seconds: float
    cpu_seconds: float | None

    @property
    def per_second(self) -> float:
        """Events per second."""
        return self.events / self.seconds


@dataclass(frozen=True, slots=True)
class Pacing:
    """How a contestant kept up with streams whose tokens come one by one."""

    streams: int
    began: int
    sent: int
    received: int
    lateness: Sequence[float]
    cpu_seconds: float | None
    bytes_per_stream: float | None

    @property
    def delivered_share(self) -> float:
        """The share of the events of the measured time that arrived in it."""
        return self.received / self.sent if self.sent else 0.0


async def check(rig: Rig, tokens: int = 32) -> None:
    """Raise `LoadError` unless the whole text of a reply comes through."""
    rig.backend.script = Script(tokens)
    received: list[bytes] = []
    async with connections(rig.door, 1, rig.clock) as [connection], asyncio.timeout(CHECK_SECONDS):
        await connection.ask(rig.requests(1)[0], text=received)
    if _text_in(b"".join(received)) != reply_text(tokens):
        raise LoadError("the text that came through is not the text that was sent")


async def first_events(
    rig: Rig, streams: int, seconds: float, script: Script, pause_seconds: float = 0.0
) -> list[float]:
    """Return the waits for the first event with text, of streams that ask again and again, after a pause each time."""
    rig.backend.script = script
    waits: list[float] = []

    async def ask_on(connection: Connection, request: bytes, delay: float) -> None:
        await asyncio.sleep(delay)
        while rig.clock() < end:
            await asyncio.sleep(pause_seconds)
            waits.append((await connection.ask(request)).wait)

    async with connections(rig.door, streams, rig.clock) as opened, asyncio.TaskGroup() as group:
        period = script.tokens / script.per_second if script.per_second else 0.0
        end = rig.clock() + seconds
        for number, (connection, request) in enumerate(zip(opened, rig.requests(streams), strict=True)):
            group.create_task(ask_on(connection, request, period * number / streams))
    return waits


async def throughput(rig: Rig, streams: int, script: Script, seconds: float, process: PinnedProcess | None) -> Rate:
    """Return how fast events come through, while every stream asks again as soon as its reply is whole."""
    rig.backend.script = script
    events = replies = 0
    enough = asyncio.Event()

    def seen(first: int, count: int, now: float) -> None:
        nonlocal events
        events += count

    async def ask_on(connection: Connection, request: bytes) -> None:
        nonlocal replies
        while True:
            if (await connection.ask(request, seen)).tokens != script.tokens:
                raise LoadError("a reply came through with events missing")
            replies += 1
            if replies == streams:
                enough.set()

    async with connections(rig.door, streams, rig.clock) as opened:
        work = [ask_on(*pair) for pair in zip(opened, rig.requests(streams), strict=True)]
        cpu, began = _cpu_seconds(process), rig.clock()
        async with _ended(work):
            await asyncio.sleep(seconds)
            await _set_within(enough, PATIENCE_SECONDS)
            return Rate(events, rig.clock() - began, _cpu_seconds(process) - cpu if process else None)


async def pacing(rig: Rig, streams: int, seconds: float, process: PinnedProcess | None) -> Pacing:
    """Return how streams fare whose tokens come one by one, evenly spread over each other's pauses."""
    idle = process.usage().pss_bytes if process else 0
    rig.backend.script = Script(math.ceil((RAMP_SECONDS + 60 + seconds) * TOKENS_PER_SECOND), TOKENS_PER_SECOND)
    rig.backend.sent.clear()
    watch = _Watch(rig, streams)
    async with connections(rig.door, streams, rig.clock) as opened:
        work = [
            _stream(connection, request, watch.listener(stream), stream / streams)
            for stream, (connection, request) in enumerate(zip(opened, rig.requests(streams), strict=True))
        ]
        async with _ended(work):
            await watch.until_begun()
            cpu = _cpu_seconds(process)
            watch.begin()
            await asyncio.sleep(seconds)
            watch.end()
            used = _cpu_seconds(process) - cpu if process else None
            grown = process.usage().pss_bytes - idle if process else None
    return Pacing(
        streams,
        watch.began,
        watch.sent,
        watch.received,
        watch.lateness,
        used,
        None if grown is None else grown / streams,
    )


def _cpu_seconds(process: PinnedProcess | None) -> float:
    return process.cpu_seconds() if process else 0.0


async def _set_within(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, but no longer than this."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


@asynccontextmanager
async def _ended(work: Sequence[Coroutine[None, None, None]]) -> AsyncGenerator[None, None]:
    """Let work go on as long as the context lasts, and end it; raises what it failed with."""
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


class _Watch:
    """Counts what was sent and what arrived in a span of time, and how late it was."""

    def __init__(self, rig: Rig, streams: int) -> None:
        self._rig = rig
        self._streams = streams
        self._all_begun = asyncio.Event()
        self._begun: set[int] = set()
        self._is_measuring = False
        self.began = 0
        self.sent = 0
        self.received = 0
        self.lateness: list[float] = []

    def listener(self, stream: int) -> EventsSeen:
        """Return what a stream calls for its events."""

        def seen(first: int, count: int, now: float) -> None:
            if not self._is_measuring:
                self._begun.add(stream)
                if len(self._begun) == self._streams:
                    self._all_begun.set()
                return
            moments = self._rig.backend.sent[stream].moments
            self.received += count
            self.lateness.extend(now - moment for moment in moments[first : first + count])

        return seen

    async def until_begun(self) -> None:
        """Wait until all streams have begun, or for as long as there is patience."""
        await _set_within(self._all_begun, RAMP_SECONDS)
        await asyncio.sleep(0.5)  # what piled up while they began has drained by now, if it ever will

    def begin(self) -> None:
        """Start to count."""
        self.began = len(self._begun)
        self.sent = -self._sent_so_far()
        self._is_measuring = True

    def end(self) -> None:
        """Count no more."""
        self._is_measuring = False
        self.sent += self._sent_so_far()

    def _sent_so_far(self) -> int:
        return sum(len(sent.moments) for sent in self._rig.backend.sent.values())


def streams_of(script_body: Callable[[str], bytes], count: int) -> list[bytes]:
    """Return a body for each of so many streams."""
    return [script_body(mark(stream)) for stream in range(count)]


def _text_in(stream: bytes) -> str:
    """Return the text an event stream spells, in either language."""
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
