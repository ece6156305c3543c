"""From a request to a reply that has begun: retries, fallbacks, the breaker, and who is let go of."""

import asyncio

import pytest

from anyclaude.backends.breaker import CircuitBreaker
from anyclaude.backends.fake import FakeBackend, FakeReply
from anyclaude.backends.target import BackendTarget
from anyclaude.dialects import dialect_named
from anyclaude.errors import (
    BackendError,
    BackendRejected,
    BackendTimeout,
    BackendTruncated,
    BackendUnavailable,
    BackendUnreachable,
    EngineFailed,
)
from anyclaude.profiles import profile_named
from anyclaude.protocol.deltas import TextDelta
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.scheduling import Admission, Dispatcher, Lane, Patience
from anyclaude.scheduling.dispatch import Errand, Progress

TARGET = BackendTarget(profile=profile_named("llamacpp"), base_url="http://127.0.0.1:1/v1", model="m")
ERRAND = Errand(MessagesRequest(model="m", max_tokens=5, messages=(Turn("user", "x"),)), "session")
HELLO = FakeReply(chunks=[b'data: {"choices":[{"delta":{"content":"Hello"}}]}\n\n'])
REFUSED = BackendUnreachable("no connection.")
LOADING = FakeReply(status=503, chunks=[b'{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}'])
BROKEN = FakeReply(chunks=[b": connected\n\n", BackendTruncated("it broke off")])
CLOSED = FakeReply(chunks=[])


class World:
    """Time passes only while somebody sleeps."""

    def __init__(self, *scripts: FakeBackend, retry_seconds: float = 30.0) -> None:
        self.now = 0.0
        self.pauses: list[float] = []
        self.backends = scripts
        self.lanes = [
            Lane(backend, dialect_named("openai_chat"), CircuitBreaker(self.clock), Admission(1, 9))
            for backend in scripts
        ]
        patience = Patience(retry_seconds=retry_seconds)
        self.dispatcher = Dispatcher(self.lanes, patience, self.clock, self.sleep)

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    async def said(self) -> str:
        """Open a reply, note its first words, and let go of it."""
        opened = await self.dispatcher.open(ERRAND, Progress())
        await opened.aclose()
        return "".join(delta.text for delta in opened.first_deltas if isinstance(delta, TextDelta))


def backend(*script: FakeReply | BackendError) -> FakeBackend:
    return FakeBackend(TARGET, *script)


@pytest.mark.parametrize("failure", [REFUSED, LOADING, BROKEN, CLOSED], ids=["refused", "loading", "broken", "closed"])
async def test_what_passes_by_itself_is_tried_again_before_the_client_hears_of_it(
    failure: FakeReply | BackendError,
) -> None:
    world = World(backend(failure, failure, HELLO))

    assert await world.said() == "Hello"
    assert world.pauses == [0.25, 0.5]


async def test_the_pauses_grow_and_the_budget_ends_them() -> None:
    world = World(backend(*[LOADING] * 40), retry_seconds=20)

    with pytest.raises(BackendRejected, match="Loading model") as given_up:
        await world.said()
    assert given_up.value.status == 529
    assert world.pauses == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0]


async def test_a_server_that_says_when_to_come_again_is_believed() -> None:
    busy = FakeReply(status=429, chunks=[b'{"error":{"message":"busy"}}'], retry_after_seconds=7.0)
    world = World(backend(busy, HELLO))
    await world.said()

    assert world.pauses == [7.0]


@pytest.mark.parametrize("status", [400, 401, 404, 422, 500])
async def test_a_refusal_that_will_not_change_is_not_repeated(status: int) -> None:
    server = backend(FakeReply(status=status, chunks=[b'{"error":{"message":"no"}}']), HELLO)

    with pytest.raises(BackendRejected):
        await World(server).said()
    assert len(server.requests) == 1


async def test_a_silence_that_was_waited_for_in_full_is_not_waited_for_again() -> None:
    server = backend(BackendTimeout("silent"), HELLO)

    with pytest.raises(BackendTimeout):
        await World(server).said()
    assert len(server.requests) == 1


async def test_the_circuit_opens_and_its_error_tells_the_cause() -> None:
    world = World(backend(*[REFUSED] * 9), retry_seconds=4)

    with pytest.raises(BackendUnreachable):
        await world.said()
    with pytest.raises((BackendUnreachable, BackendUnavailable), match="no connection"):
        await world.said()
    assert world.lanes[0].breaker.state == "open"


async def test_the_next_backend_is_asked_when_the_first_cannot_answer() -> None:
    first, second = backend(LOADING), backend(HELLO)
    world = World(first, second)

    assert await world.said() == "Hello"
    assert world.pauses == []


async def test_the_first_backend_is_let_go_of_before_the_second_is_asked() -> None:
    first = backend(BROKEN)
    seen: list[int] = []

    class Second(FakeBackend):
        def stream(self, *arguments: object) -> object:  # type: ignore[override]
            seen.append(first.open_replies)
            return super().stream(*arguments)  # type: ignore[arg-type]

    await World(first, Second(TARGET, HELLO)).said()

    assert seen == [0]


async def test_a_refusal_of_the_request_itself_is_not_taken_to_the_next_backend() -> None:
    second = backend(HELLO)

    with pytest.raises(BackendRejected):
        await World(backend(FakeReply(status=400, chunks=[b"{}"])), second).said()
    assert second.requests == []


async def test_the_turn_is_held_as_long_as_the_reply_and_no_longer() -> None:
    world = World(backend(HELLO, HELLO))
    opened = await world.dispatcher.open(ERRAND, Progress())
    held = world.lanes[0].admission.running, world.backends[0].open_replies
    await opened.aclose()

    assert held == (1, 1)
    assert (world.lanes[0].admission.running, world.backends[0].open_replies) == (0, 0)


async def test_a_failure_gives_its_turn_back() -> None:
    world = World(backend(FakeReply(status=400, chunks=[b"{}"])))

    with pytest.raises(BackendRejected):
        await world.said()
    assert world.lanes[0].admission.running == 0


async def test_a_request_that_is_taken_back_while_it_waits_lets_go_of_everything() -> None:
    world = World(backend(LOADING, HELLO))
    asleep = asyncio.Event()

    async def sleep_for_ever(seconds: float) -> None:
        asleep.set()
        await asyncio.Event().wait()

    dispatcher = Dispatcher(world.lanes, world.dispatcher.patience, world.clock, sleep_for_ever)
    task = asyncio.create_task(dispatcher.open(ERRAND, Progress()))
    await asleep.wait()
    task.cancel()
    await asyncio.wait({task})

    assert task.cancelled()
    assert (world.lanes[0].admission.running, world.backends[0].open_replies) == (0, 0)


async def test_an_attempt_that_has_become_vain_is_not_repeated_and_the_reason_is_told() -> None:
    world = World(backend(REFUSED, HELLO))
    dead = EngineFailed("the engine ran out of memory")
    dispatcher = Dispatcher(world.lanes, world.dispatcher.patience, world.clock, world.sleep, lambda: dead)

    with pytest.raises(EngineFailed, match="out of memory"):
        await dispatcher.open(ERRAND, Progress())
    assert len(world.backends[0].requests) == 1


async def test_progress_tells_the_route_and_the_attempts_even_of_a_failure() -> None:
    progress = Progress()
    world = World(backend(REFUSED, FakeReply(status=400, chunks=[b"{}"])))

    with pytest.raises(BackendRejected):
        await world.dispatcher.open(ERRAND, progress)
    assert (progress.route, progress.attempts) == ("llamacpp/m", 2)
