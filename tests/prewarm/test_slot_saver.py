"""When the engine's state is saved and restored, who waits for it, and what is believed of a restore."""

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.parts.gateway import QUICK, RunningGateway, running_gateway, target_at
from tests.parts.json_at import at
from tests.parts.manual_clock import ManualClock
from tests.parts.raw_backend import RawBackend, ReceivedRequest
from tests.parts.raw_client import ask, connected
from tests.parts.sessions import first_request, send

from anyclaude.backends import CircuitBreaker, FakeBackend
from anyclaude.dialects import dialect_named
from anyclaude.exchange import Clock
from anyclaude.prewarm import FirstPromptOptions, LaunchKey, PrewarmOptions, SlotSaverOptions
from anyclaude.prewarm.slot_saver import LONGEST_PAUSE_SECONDS, REST_SECONDS, SlotSaver
from anyclaude.protocol.json_values import JsonValue
from anyclaude.scheduling import Admission, Upstream
from anyclaude.scheduling.queue import Requester
from anyclaude.server import GatewayOptions

GARDEN = LaunchKey("/garden")
TOKENS = 1_000
"""What the engine of these tests has computed after an exchange."""


@dataclass
class Restless:
    """A clock on which nobody rests: a sleep ends when it is cancelled."""

    clock: ManualClock = field(default_factory=ManualClock)
    asleep: asyncio.Event = field(default_factory=asyncio.Event)

    async def sleep(self, seconds: float) -> None:
        self.asleep.set()
        await asyncio.Event().wait()


def keeping(folder: Path, session: str | None = None, continues_session: bool = False) -> GatewayOptions:
    kept = SlotSaverOptions(
        folder=folder / "states",
        engine="engine",
        launch_key=GARDEN,
        limit_bytes=10_000,
        session=session,
        continues_session=continues_session,
    )
    return replace(QUICK, prewarm=PrewarmOptions(slot=kept))


def with_first_prompt(options: GatewayOptions, folder: Path) -> GatewayOptions:
    """Return the options, with first prompts recorded and evaluated too."""
    prompt = FirstPromptOptions(folder / "first-prompts", GARDEN)
    return replace(options, prewarm=PrewarmOptions(first_prompt=prompt, slot=options.prewarm.slot))


def restless() -> Clock:
    unrest = Restless()
    return Clock(seconds=unrest.clock.seconds, sleep=unrest.sleep)


def resting(clock: ManualClock) -> Clock:
    return Clock(seconds=clock.seconds, sleep=clock.sleep)


async def exchange(
    gateway: RunningGateway,
    backend: RawBackend,
    cached: int = 0,
    session: str = "session-1",
    headers: Mapping[str, str] | None = None,
) -> None:
    """Have one exchange, after which the engine holds `TOKENS`."""
    async with connected(gateway.base_url) as client:
        await send(client, first_request("Pull the weeds"), session, headers)
        await reply(await backend.next_request(), cached)
        await client.response()


async def reply(asked: ReceivedRequest, cached: int = 0) -> None:
    assert asked.path == "/v1/chat/completions"
    await asked.begin()
    await asked.say("Hello")
    await asked.event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    counts = {"prompt_tokens": TOKENS - 10, "completion_tokens": 10, "prompt_tokens_details": {"cached_tokens": cached}}
    await asked.event({"choices": [], "usage": counts})
    await asked.chunk(b"data: [DONE]\n\n")
    await asked.end()


async def save(asked: ReceivedRequest, folder: Path, size: int = 100) -> str:
    """Do as the engine does when it is told to save."""
    assert asked.path == "/slots/0?action=save"
    name = str(asked.json["filename"])
    (folder / "states" / name).write_bytes(b"x" * size)
    await asked.answer(200, json.dumps({"n_saved": TOKENS, "n_written": size}).encode())
    return name


async def restore(asked: ReceivedRequest, tokens: int = TOKENS) -> None:
    assert asked.path == "/slots/0?action=restore"
    await asked.answer(200, json.dumps({"n_restored": tokens, "n_read": 100}).encode())


async def kept_after_a_run(folder: Path, backend: RawBackend, options: GatewayOptions) -> None:
    """Live through a run that ends with a saved state."""
    context = running_gateway(
        folder, target_at(backend.base_url, parallel_requests=1), options=options, clock=restless()
    )
    gateway = await context.__aenter__()
    await exchange(gateway, backend)
    ending = asyncio.create_task(context.__aexit__(None, None, None))
    await save(await backend.next_request(), folder)
    await ending


async def kept(gateway: RunningGateway) -> dict[str, JsonValue]:
    state = at((await ask(gateway.base_url, "GET", "/health")).json, "warmth", "kept_state")
    assert isinstance(state, dict)
    return state


async def test_a_conversation_that_rests_is_saved_once(tmp_path: Path, backend: RawBackend) -> None:
    clock = ManualClock()
    target = target_at(backend.base_url, parallel_requests=1)
    async with running_gateway(tmp_path, target, options=keeping(tmp_path), clock=resting(clock)) as gateway:
        await exchange(gateway, backend)
        await save(await backend.next_request(), tmp_path)

    assert REST_SECONDS in clock.sleeps
    assert len(backend.requests) == 2
    assert [file.stat().st_size for file in (tmp_path / "states").glob("*.bin")] == [100]


async def test_the_end_of_a_run_saves_what_had_no_rest_and_the_next_run_restores_it(
    tmp_path: Path, backend: RawBackend
) -> None:
    await kept_after_a_run(tmp_path, backend, keeping(tmp_path))
    (data,) = (tmp_path / "states").glob("*.bin")
    target = target_at(backend.base_url, parallel_requests=1)
    async with running_gateway(tmp_path, target, options=keeping(tmp_path), clock=restless()) as gateway:
        asked = await backend.next_request()
        await restore(asked)
        await exchange(gateway, backend, cached=TOKENS - 20)
        state = await kept(gateway)

    assert asked.json["filename"] == data.name
    assert (state["state"], state["restored_tokens"], state["is_proved"]) == ("on", TOKENS, True)


async def test_a_request_waits_until_the_state_is_restored(tmp_path: Path, backend: RawBackend) -> None:
    await kept_after_a_run(tmp_path, backend, keeping(tmp_path))
    target = target_at(backend.base_url, parallel_requests=1)
    async with running_gateway(tmp_path, target, options=keeping(tmp_path), clock=restless()) as gateway:
        asked = await backend.next_request()
        async with connected(gateway.base_url) as client:
            await send(client, first_request("Pull the weeds"))
            health = (await ask(gateway.base_url, "GET", "/health")).json
            before = len(backend.requests)
            await restore(asked)
            await reply(await backend.next_request(), TOKENS - 20)
            response = await client.response()

    assert at(health, "backends", 0, "running") == 1
    assert before == 3
    assert response.status == 200


async def test_a_restore_that_the_engine_makes_nothing_of_ends_it_for_this_run(
    tmp_path: Path, backend: RawBackend, caplog: pytest.LogCaptureFixture
) -> None:
    """llama.cpp issue 26676: success is reported, and the next prompt is evaluated all over."""
    await kept_after_a_run(tmp_path, backend, keeping(tmp_path))
    target, clock = target_at(backend.base_url, parallel_requests=1), ManualClock()
    async with running_gateway(tmp_path, target, options=keeping(tmp_path), clock=resting(clock)) as gateway:
        await restore(await backend.next_request())
        await exchange(gateway, backend, cached=14)
        state = await kept(gateway)

    assert state["state"] == "off"
    assert "found only 14 of a prompt of 990 in its cache" in str(state["reason"])
    assert state["is_proved"] is False
    assert [record.levelno for record in caplog.records if "slot_saver" in record.name] == [logging.WARNING]
    assert len(backend.requests) == 4  # the exchange and the save before, the restore and the exchange now


async def test_a_warm_up_proves_a_restore_before_anybody_asks(tmp_path: Path, backend: RawBackend) -> None:
    options = with_first_prompt(keeping(tmp_path), tmp_path)
    await kept_after_a_run(tmp_path, backend, options)
    target = target_at(backend.base_url, parallel_requests=1)
    async with running_gateway(tmp_path, target, options=options, clock=restless()) as gateway:
        await restore(await backend.next_request())
        await reply(await backend.next_request(), cached=TOKENS - 20)
        await gateway.recorded(2)
        state = await kept(gateway)

    assert state["is_proved"] is True


async def test_a_session_that_goes_on_is_not_displaced_by_a_warm_up(tmp_path: Path, backend: RawBackend) -> None:
    options = with_first_prompt(keeping(tmp_path), tmp_path)
    await kept_after_a_run(tmp_path, backend, options)
    continues_session = with_first_prompt(keeping(tmp_path, continues_session=True), tmp_path)
    target = target_at(backend.base_url, parallel_requests=1)
    async with running_gateway(tmp_path, target, options=continues_session, clock=restless()) as gateway:
        await restore(await backend.next_request())
        await exchange(gateway, backend, cached=TOKENS - 20)
        classes = [record["request_class"] for record in gateway.records()]

    assert classes == ["unknown", "unknown"]


async def test_an_engine_that_works_already_is_not_restored_into(tmp_path: Path, backend: RawBackend) -> None:
    await kept_after_a_run(tmp_path, backend, keeping(tmp_path))
    options, fake = keeping(tmp_path).prewarm.slot, FakeBackend(target_at(backend.base_url, parallel_requests=1))
    assert options is not None
    clock = ManualClock()
    upstream = Upstream(fake, dialect_named("openai_chat"), CircuitBreaker(clock.seconds), Admission(1, 1))
    async with upstream.admission.turn(Requester("somebody")):
        await SlotSaver(options, upstream, resting(clock)).restore()

    assert fake.requests == []


async def test_a_state_that_is_restored_in_part_is_not_believed(tmp_path: Path, backend: RawBackend) -> None:
    await kept_after_a_run(tmp_path, backend, keeping(tmp_path))
    target = target_at(backend.base_url, parallel_requests=1)
    async with running_gateway(tmp_path, target, options=keeping(tmp_path), clock=restless()) as gateway:
        await restore(await backend.next_request(), TOKENS - 1)
        await exchange(gateway, backend)
        state = await kept(gateway)

    assert "restored 999 of 1,000 tokens" in str(state["reason"])


async def test_a_state_that_cannot_be_restored_is_forgotten(tmp_path: Path, backend: RawBackend) -> None:
    await kept_after_a_run(tmp_path, backend, keeping(tmp_path))
    target = target_at(backend.base_url, parallel_requests=1)
    async with running_gateway(tmp_path, target, options=keeping(tmp_path), clock=restless()) as gateway:
        await (await backend.next_request()).refuse(400, "invalid slot save file")
        await exchange(gateway, backend)
        state = await kept(gateway)

    assert state["state"] == "off"
    assert "invalid slot save file" in str(state["reason"])
    assert list((tmp_path / "states").iterdir()) == []


async def test_a_server_that_keeps_no_slots_is_asked_once(tmp_path: Path, backend: RawBackend) -> None:
    target, clock = target_at(backend.base_url, parallel_requests=1), ManualClock()
    async with running_gateway(tmp_path, target, options=keeping(tmp_path), clock=resting(clock)) as gateway:
        await exchange(gateway, backend)
        await (await backend.next_request()).refuse(501, "This server does not support slots action.")
        await exchange(gateway, backend)
        state = await kept(gateway)

    assert "does not support slots action" in str(state["reason"])
    assert len(backend.requests) == 3


async def test_a_request_that_comes_while_the_state_is_saved_goes_first(tmp_path: Path, backend: RawBackend) -> None:
    target, clock = target_at(backend.base_url, parallel_requests=1), ManualClock()
    async with running_gateway(tmp_path, target, options=keeping(tmp_path), clock=resting(clock)) as gateway:
        await exchange(gateway, backend)
        saving = await backend.next_request()
        await exchange(gateway, backend)
        await saving.wait_closed()
        again = await backend.next_request()
        await save(again, tmp_path)

    assert saving.path == "/slots/0?action=save"
    assert saving.json["filename"] != again.json["filename"]


async def test_after_a_save_that_took_long_the_next_one_waits_for_the_end(tmp_path: Path, backend: RawBackend) -> None:
    clock, target = ManualClock(), target_at(backend.base_url, parallel_requests=1)
    context = running_gateway(tmp_path, target, options=keeping(tmp_path), clock=resting(clock))
    gateway = await context.__aenter__()
    await exchange(gateway, backend)
    saving = await backend.next_request()
    clock.time += 2 * LONGEST_PAUSE_SECONDS
    await save(saving, tmp_path)
    await exchange(gateway, backend, session="session-2")
    before_the_end = len(backend.requests)
    ending = asyncio.create_task(context.__aexit__(None, None, None))
    await save(await backend.next_request(), tmp_path)
    await ending

    assert before_the_end == 3


@pytest.mark.parametrize("headers", [{"x-claude-code-agent-id": "a1"}, {"x-claude-code-request-class": "auxiliary"}])
async def test_only_what_the_user_goes_on_with_is_saved(
    tmp_path: Path, backend: RawBackend, headers: dict[str, str]
) -> None:
    target, clock = target_at(backend.base_url, parallel_requests=1), ManualClock()
    async with running_gateway(tmp_path, target, options=keeping(tmp_path), clock=resting(clock)) as gateway:
        await exchange(gateway, backend, headers=headers)

    assert len(backend.requests) == 1


async def test_an_engine_that_is_gone_does_not_hold_up_the_end(tmp_path: Path, backend: RawBackend) -> None:
    target = target_at(backend.base_url, parallel_requests=1)
    async with running_gateway(tmp_path, target, options=keeping(tmp_path), clock=restless()) as gateway:
        await exchange(gateway, backend)
        await backend.stop()

    assert list((tmp_path / "states").glob("*.bin")) == []


async def test_a_state_that_is_too_large_does_not_stay(
    tmp_path: Path, backend: RawBackend, caplog: pytest.LogCaptureFixture
) -> None:
    target, clock = target_at(backend.base_url, parallel_requests=1), ManualClock()
    async with running_gateway(tmp_path, target, options=keeping(tmp_path), clock=resting(clock)) as gateway:
        await exchange(gateway, backend)
        await save(await backend.next_request(), tmp_path, size=10_001)

    assert "10,001 bytes" in caplog.text
    assert len(backend.requests) == 2  # the end of the run does not try again
    assert list((tmp_path / "states").glob("*.bin")) == []
