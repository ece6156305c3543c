"""The engine's own token count if it is available, never an error."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace
from tests.parts.fake_backend import FakeBackend, FakeReply, Replay
from tests.parts.gateway import target_at

from anyclaude.backends import BackendReply, BackendTarget, CircuitBreaker
from anyclaude.dialects import WireRequest, dialect_named, tokenizer_for
from anyclaude.errors import BackendError, BackendTimeout, BackendTruncated, BackendUnreachable
from anyclaude.profiles import BackendName
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.scheduling import (
    Admission,
    BackendRequest,
    FollowedServer,
    PreparedRequest,
    TokenCounter,
    Upstream,
    token_count,
)
from anyclaude.scheduling.token_count import MAX_QUESTIONS, count_prompt_tokens

TARGET = target_at("http://fake/v1")
HELLO = MessagesRequest(model="x", max_tokens=1, messages=(Turn("user", "Hello"),))


async def counted(reply: FakeReply | BackendError, kind: BackendName = "llamacpp") -> tuple[int | None, int]:
    """Return the count, and the number of requests to the server."""
    backend = FakeBackend(target_at("http://fake/v1", kind), reply)
    profile = backend.target.profile
    encoded = dialect_named(profile.dialect).encode_request(HELLO, "model", profile).request
    tokens = await count_prompt_tokens(encoded, backend, tokenizer_for(profile))
    return tokens, len(backend.requests)


async def test_the_engine_counts_the_tokens() -> None:
    assert await counted(FakeReply(chunks=(b'{"input_', b'tokens": 47}'))) == (47, 1)


async def test_a_server_that_cannot_count_is_not_asked() -> None:
    assert await counted(FakeReply(chunks=(b'{"input_tokens": 47}',)), "ollama") == (None, 0)


@pytest.mark.parametrize(
    "reply",
    [
        FakeReply(status=404),
        FakeReply(chunks=(b"nonsense",)),
        FakeReply(chunks=(b'{"input_tokens": ', BackendTruncated("broken"))),
        FakeReply(chunks=(BackendTimeout("silent"),)),
        BackendUnreachable("refused"),
    ],
)
async def test_a_failed_count_is_none(reply: FakeReply | BackendError) -> None:
    assert await counted(reply) == (None, 1)


class Tokenizer:
    """A server that answers each question when the test lets it, and counts those it has at a time."""

    def __init__(self, target: BackendTarget = TARGET) -> None:
        self.target = target
        self.asked = 0
        self.most_at_once = 0
        self.arrived: asyncio.Queue[WireRequest] = asyncio.Queue()
        self.may_answer = asyncio.Event()
        self.reply = FakeReply(chunks=(b'{"input_tokens": 47}',))
        self._at_once = 0

    @asynccontextmanager
    async def stream(self, request: WireRequest, within_seconds: float) -> AsyncGenerator[BackendReply, None]:
        """Answer a question."""
        self.asked += 1
        self.arrived.put_nowait(request)
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await self.may_answer.wait()
            yield Replay(self.reply)
        finally:
            self._at_once -= 1


def question(backend: Tokenizer, text: str = "Hello") -> PreparedRequest:
    """Return a prompt whose tokens are to be counted."""
    request = MessagesRequest(model="x", max_tokens=1, messages=(Turn("user", text),))
    admission = Admission(1, 1, evicts_prompts=False)
    upstream = Upstream(FollowedServer(backend), dialect_named("openai_chat"), CircuitBreaker(lambda: 0.0), admission)
    return upstream.prepare(BackendRequest(request, "conversation"))


@pytest.fixture
async def counter() -> AsyncIterator[TokenCounter]:
    """A counter that is closed after the test."""
    counter = TokenCounter()
    yield counter
    await counter.close()


async def test_fifty_equal_questions_at_once_are_one(counter: TokenCounter) -> None:
    backend = Tokenizer()
    counts = [asyncio.create_task(counter.count(question(backend))) for _ in range(50)]
    await backend.arrived.get()
    backend.may_answer.set()

    assert await asyncio.gather(*counts) == [47] * 50
    assert backend.asked == 1


async def test_a_question_that_was_answered_is_not_asked_again(counter: TokenCounter) -> None:
    backend = Tokenizer()
    backend.may_answer.set()

    assert [await counter.count(question(backend, text)) for text in ("a", "b", "a", "b")] == [47] * 4
    assert backend.asked == 2


async def test_a_question_that_failed_is_asked_again(counter: TokenCounter) -> None:
    backend = Tokenizer()
    backend.may_answer.set()
    backend.reply = FakeReply(status=503)
    first = await counter.count(question(backend))
    backend.reply = FakeReply(chunks=(b'{"input_tokens": 48}',))

    assert (first, await counter.count(question(backend))) == (None, 48)


async def test_few_questions_are_asked_at_a_time(counter: TokenCounter) -> None:
    backend = Tokenizer()
    counts = [asyncio.create_task(counter.count(question(backend, str(number)))) for number in range(20)]
    for _ in range(MAX_QUESTIONS):
        await backend.arrived.get()
    backend.may_answer.set()

    assert await asyncio.gather(*counts) == [47] * 20
    assert (backend.most_at_once, backend.asked) == (MAX_QUESTIONS, 20)


async def test_behind_an_engine_that_does_not_answer_nobody_waits_long(
    counter: TokenCounter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_count, "TURN_SECONDS", 0.0)
    backend = Tokenizer()
    counts = [asyncio.create_task(counter.count(question(backend, str(number)))) for number in range(20)]

    assert await asyncio.gather(*counts[MAX_QUESTIONS:]) == [None] * (20 - MAX_QUESTIONS)
    backend.may_answer.set()
    assert await asyncio.gather(*counts[:MAX_QUESTIONS]) == [47] * MAX_QUESTIONS


async def test_servers_do_not_wait_for_each_other_or_share_counts(counter: TokenCounter) -> None:
    silent, quick = Tokenizer(), Tokenizer(target_at("http://other/v1"))
    waiting = [asyncio.create_task(counter.count(question(silent, str(number)))) for number in range(9)]
    quick.may_answer.set()

    assert await counter.count(question(quick, "0")) == 47
    assert not any(task.done() for task in waiting)


async def test_a_server_that_has_another_window_by_now_is_asked_again(counter: TokenCounter) -> None:
    """It has been started again, perhaps with another model."""
    backend = Tokenizer()
    backend.may_answer.set()
    await counter.count(question(backend))
    backend.target = replace(TARGET, context_tokens=4096)

    await counter.count(question(backend))
    assert backend.asked == 2


async def test_a_client_that_leaves_takes_no_answer_away(counter: TokenCounter) -> None:
    backend = Tokenizer()
    first, second = (asyncio.create_task(counter.count(question(backend))) for _ in range(2))
    await backend.arrived.get()
    first.cancel()
    await asyncio.wait([first])
    backend.may_answer.set()

    assert await second == 47
    assert (first.cancelled(), backend.asked) == (True, 1)


async def test_the_counter_asks_nothing_of_a_server_without_a_tokenizer(counter: TokenCounter) -> None:
    backend = Tokenizer(target_at("http://fake/v1", "ollama"))

    assert await counter.count(question(backend)) is None
    assert backend.asked == 0


async def test_a_counter_that_is_closed_cancels_its_questions() -> None:
    counter, backend = TokenCounter(), Tokenizer()
    waiting = asyncio.create_task(counter.count(question(backend)))
    await backend.arrived.get()
    await counter.close()

    await asyncio.wait([waiting])
    assert waiting.cancelled()
