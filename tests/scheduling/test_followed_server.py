"""When a server is asked again what it runs, and what follows."""

import asyncio

import pytest
from msgspec.structs import replace
from tests.parts.fake_backend import FakeBackend
from tests.parts.gateway import target_at
from tests.parts.manual_clock import ManualClock

from anyclaude.backends import Backend, BackendTarget
from anyclaude.errors import BackendUnreachable
from anyclaude.scheduling import FollowedServer
from anyclaude.scheduling.followed_server import ASKED_AGAIN_SECONDS

KNOWN = replace(target_at("http://fake/v1"), context_tokens=32_768)
SMALLER = replace(KNOWN, context_tokens=8_192)
LOADED_ON_DEMAND = replace(KNOWN, context_tokens=None)


class Setup:
    """A followed server whose answers are `answers`; the last one is repeated."""

    def __init__(self, target: BackendTarget, *answers: BackendTarget | BackendUnreachable) -> None:
        self.clock = ManualClock()
        self.answers = list(answers)
        self.questions = 0
        self.changes: list[BackendTarget] = []
        self.server = FollowedServer(FakeBackend(target), self.ask, self.clock.seconds)
        self.server.on_change = lambda backend: self.changes.append(backend.target)

    async def ask(self, backend: Backend) -> Backend:
        self.questions += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, BackendUnreachable):
            raise answer
        return backend if answer == backend.target else FakeBackend(answer)

    async def reply(self) -> None:
        """End a reply, and let what follows from it be done."""
        self.server.reply_ended()
        for _ in range(3):
            await asyncio.sleep(0)


async def test_a_server_that_had_failed_is_asked_before_the_next_request() -> None:
    setup = Setup(KNOWN, SMALLER)

    await setup.server.refresh_if_needed()
    assert setup.questions == 0

    setup.server.may_have_changed()
    await setup.server.refresh_if_needed()
    await setup.server.refresh_if_needed()

    assert setup.questions == 1
    assert setup.changes == [SMALLER]
    assert setup.server.backend.target == SMALLER


async def test_a_server_that_is_still_down_keeps_what_was_known_and_is_asked_again() -> None:
    setup = Setup(KNOWN, BackendUnreachable("down"), SMALLER)
    setup.server.may_have_changed()

    await setup.server.refresh_if_needed()
    assert setup.server.backend.target == KNOWN
    await setup.server.refresh_if_needed()

    assert setup.changes == [SMALLER]


async def test_a_window_that_was_unknown_is_asked_for_after_the_first_reply_only() -> None:
    setup = Setup(LOADED_ON_DEMAND, KNOWN)
    await setup.reply()
    assert setup.changes == [KNOWN]

    silent = Setup(LOADED_ON_DEMAND, LOADED_ON_DEMAND)
    await silent.reply()
    await silent.reply()
    assert silent.questions == 1


async def test_a_known_server_is_asked_after_a_reply_when_the_last_answer_is_old() -> None:
    setup = Setup(KNOWN, SMALLER)
    await setup.reply()
    assert setup.questions == 0

    setup.clock.time += ASKED_AGAIN_SECONDS
    await setup.reply()
    await setup.reply()

    assert setup.questions == 1
    assert setup.changes == [SMALLER]


async def test_a_hosted_server_is_not_asked_after_its_replies() -> None:
    hosted = replace(target_at("https://openrouter.ai/api/v1", "openrouter"), context_tokens=None)
    setup = Setup(hosted, hosted)
    setup.clock.time += ASKED_AGAIN_SECONDS
    await setup.reply()

    assert setup.questions == 0


async def test_requests_that_wait_at_the_same_time_share_one_question() -> None:
    setup = Setup(KNOWN, SMALLER)

    assert all(await asyncio.gather(setup.server.refresh(), setup.server.refresh()))
    assert setup.questions == 1


async def test_a_server_that_is_not_there_yet_is_asked_until_it_answers_and_says_why() -> None:
    awaited = replace(KNOWN, model="", awaited_because="nothing answers")
    setup = Setup(awaited, BackendUnreachable("it loads"), BackendUnreachable("it loads"), KNOWN)
    reasons: list[str | None] = []

    async def sleep(seconds: float) -> None:
        reasons.append(setup.server.awaited_because)
        await setup.clock.sleep(seconds)

    waiting = asyncio.create_task(setup.server.found())
    await setup.server.wait_until_found(sleep)
    await waiting

    assert reasons == ["nothing answers", "it loads", "it loads"]
    assert setup.server.awaited_because is None
    assert setup.changes == [KNOWN]
    assert setup.clock.sleeps == [0.5, 1.0, 2.0]


@pytest.mark.parametrize(("base_url", "longest"), [("http://127.0.0.1:1/v1", 2.0), ("https://far.example/v1", 10.0)])
async def test_a_server_elsewhere_is_asked_less_often(base_url: str, longest: float) -> None:
    awaited = replace(KNOWN, base_url=base_url, awaited_because="it wants a key")
    setup = Setup(awaited, *[BackendUnreachable("it wants a key")] * 8, KNOWN)

    await setup.server.wait_until_found(setup.clock.sleep)

    assert max(setup.clock.sleeps) == longest


async def test_a_server_that_nobody_can_ask_stays_as_it_is() -> None:
    server = FollowedServer(FakeBackend(KNOWN))
    server.may_have_changed()
    await server.refresh_if_needed()
    server.reply_ended()
    await server.aclose()

    assert server.backend.target == KNOWN


async def test_closing_stops_a_question() -> None:
    asked = asyncio.Event()

    async def ask(backend: Backend) -> Backend:
        asked.set()
        await asyncio.Event().wait()
        return backend

    server = FollowedServer(FakeBackend(KNOWN), ask)
    question = asyncio.create_task(server.refresh())
    await asked.wait()
    await server.aclose()

    with pytest.raises(asyncio.CancelledError):
        await question
