"""When the engine's slot is saved and restored, which requests wait for it, and how a restore is verified."""

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.parts.fake_backend import FakeBackend
from tests.parts.gateway import QUICK, RunningGateway, running_gateway, target_at
from tests.parts.json_at import at
from tests.parts.manual_clock import ManualClock
from tests.parts.raw_backend import RawBackend, ReceivedRequest
from tests.parts.raw_client import ask, connected
from tests.parts.sessions import first_request, send

from anyclaude.backends import CircuitBreaker
from anyclaude.dialects import dialect_named
from anyclaude.errors import ConnectionsExhausted
from anyclaude.exchange import Clock
from anyclaude.prewarm import FirstPromptOptions, LaunchKey, PrewarmOptions, SlotSaverOptions
from anyclaude.prewarm.slot_saver import IDLE_SECONDS, MAX_IDLE_SAVE_SECONDS, SlotSaver
from anyclaude.protocol.json_values import JsonValue
from anyclaude.scheduling import Admission, FollowedServer, Upstream
from anyclaude.scheduling.queue import Requester
from anyclaude.server import GatewayOptions

GARDEN, KITCHEN = LaunchKey("/garden"), LaunchKey("/kitchen")
TOKENS = 1_000
"""The number of tokens that the engine's slot holds after an exchange."""


@dataclass
class EndlessSleep:
    """A clock on which no conversation becomes idle: a sleep ends only when it is cancelled."""

    clock: ManualClock = field(default_factory=ManualClock)
    asleep: asyncio.Event = field(default_factory=asyncio.Event)

    async def sleep(self, seconds: float) -> None:
        self.asleep.set()
        await asyncio.Event().wait()


def saving_slots(
    folder: Path, session: str | None = None, continues_session: bool = False, key: LaunchKey = GARDEN
) -> GatewayOptions:
    slot = SlotSaverOptions(
        folder=folder / "states",
        engine="engine",
        launch_key=key,
        limit_bytes=10_000,
        session=session,
        continues_session=continues_session,
    )
    return replace(QUICK, prewarm=PrewarmOptions(slot=slot))


def with_first_prompt(options: GatewayOptions, folder: Path) -> GatewayOptions:
    """Return the options, with first prompts recorded and evaluated too."""
    prompt = FirstPromptOptions(folder / "first-prompts", GARDEN)
    return replace(options, prewarm=PrewarmOptions(first_prompt=prompt, slot=options.prewarm.slot))


def never_idle() -> Clock:
    endless = EndlessSleep()
    return Clock(seconds=endless.clock.seconds, sleep=endless.sleep)


def idle_at_once(clock: ManualClock) -> Clock:
    return Clock(seconds=clock.seconds, sleep=clock.sleep)


async def exchange(
    gateway: RunningGateway,
    backend: RawBackend,
    cached: int = 0,
    session: str = "session-1",
    headers: Mapping[str, str] | None = None,
) -> None:
    """Have one exchange, after which the slot holds `TOKENS`."""
    async with connected(gateway.base_url) as client:
        await send(client, first_request("Pull the weeds"), session, headers)
        await reply(await backend.next_request(), cached)
        await client.response()


async def reply(received: ReceivedRequest, cached: int = 0) -> None:
    assert received.path == "/v1/chat/completions"
    await received.begin()
    await received.say("Hello")
    await received.event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    counts = {"prompt_tokens": TOKENS - 10, "completion_tokens": 10, "prompt_tokens_details": {"cached_tokens": cached}}
    await received.event({"choices": [], "usage": counts})
    await received.chunk(b"data: [DONE]\n\n")
    await received.end()


async def save(received: ReceivedRequest, folder: Path, size: int = 100) -> str:
    """Write a file and answer, as the engine does for a request to save."""
    assert received.path == "/slots/0?action=save"
    name = str(received.json["filename"])
    (folder / "states" / name).write_bytes(b"x" * size)
    await received.answer(200, json.dumps({"n_saved": TOKENS, "n_written": size}).encode())
    return name


async def restore(received: ReceivedRequest, tokens: int = TOKENS) -> None:
    assert received.path == "/slots/0?action=restore"
    await received.answer(200, json.dumps({"n_restored": tokens, "n_read": 100}).encode())


async def run_before(folder: Path, backend: RawBackend, options: GatewayOptions) -> None:
    """Leave a slot snapshot, as an earlier run does."""
    context = running_gateway(
        folder, target_at(backend.base_url, parallel_requests=1), options=options, clock=never_idle()
    )
    gateway = await context.__aenter__()
    await exchange(gateway, backend)
    ending = asyncio.create_task(context.__aexit__(None, None, None))
    await save(await backend.next_request(), folder)
    await ending


def saver_of(fake: FakeBackend, folder: Path) -> tuple[SlotSaver, Upstream]:
    """Return a saver without a gateway, and its upstream."""
    options = saving_slots(folder).prewarm.slot
    assert options is not None
    clock = ManualClock()
    upstream = Upstream(
        FollowedServer(fake), dialect_named("openai_chat"), CircuitBreaker(clock.seconds), Admission(1, 1)
    )
    return SlotSaver(options, upstream, idle_at_once(clock)), upstream


async def slot_status(gateway: RunningGateway) -> dict[str, JsonValue]:
    status = at((await ask(gateway.base_url, "GET", "/health")).json, "warmth", "kept_state")
    assert isinstance(status, dict)
    return status


async def test_an_idle_conversation_is_saved_once(tmp_path: Path, backend: RawBackend) -> None:
    clock = ManualClock()
    target = target_at(backend.base_url, parallel_requests=1)
    async with running_gateway(tmp_path, target, options=saving_slots(tmp_path), clock=idle_at_once(clock)) as gateway:
        await exchange(gateway, backend)
        await save(await backend.next_request(), tmp_path)

    assert IDLE_SECONDS in clock.sleeps
    assert len(backend.requests) == 2
    assert [file.stat().st_size for file in (tmp_path / "states").glob("*.bin")] == [100]


async def test_the_slot_is_saved_at_the_end_of_a_run_and_restored_in_the_next(
    tmp_path: Path, backend: RawBackend
) -> None:
    await run_before(tmp_path, backend, saving_slots(tmp_path))
    (data,) = (tmp_path / "states").glob("*.bin")
    target = target_at(backend.base_url, parallel_requests=1)
    async with running_gateway(tmp_path, target, options=saving_slots(tmp_path), clock=never_idle()) as gateway:
        received = await backend.next_request()
        await restore(received)
        await exchange(gateway, backend, cached=TOKENS - 20)
        status = await slot_status(gateway)

    assert received.json["filename"] == data.name
    assert (status["state"], status["restored_tokens"], status["is_proved"]) == ("on", TOKENS, True)


async def test_a_request_waits_until_the_slot_is_restored(tmp_path: Path, backend: RawBackend) -> None:
    await run_before(tmp_path, backend, saving_slots(tmp_path))
    target = target_at(backend.base_url, parallel_requests=1)
    async with running_gateway(tmp_path, target, options=saving_slots(tmp_path), clock=never_idle()) as gateway:
        received = await backend.next_request()
        async with connected(gateway.base_url) as client:
            await send(client, first_request("Pull the weeds"))
            health = (await ask(gateway.base_url, "GET", "/health")).json
            before = len(backend.requests)
            await restore(received)
            await reply(await backend.next_request(), TOKENS - 20)
            response = await client.response()

    assert at(health, "backends", 0, "running") == 1
    assert before == 3
    assert response.status == 200


async def test_a_restore_without_cached_tokens_switches_snapshots_off(
    tmp_path: Path, backend: RawBackend, caplog: pytest.LogCaptureFixture
) -> None:
    """llama.cpp issue 26676: success is reported, and the next prompt is evaluated from scratch."""
    await run_before(tmp_path, backend, saving_slots(tmp_path))
    target, clock = target_at(backend.base_url, parallel_requests=1), ManualClock()
    async with running_gateway(tmp_path, target, options=saving_slots(tmp_path), clock=idle_at_once(clock)) as gateway:
        await restore(await backend.next_request())
        await exchange(gateway, backend, cached=14)
        status = await slot_status(gateway)

    assert status["state"] == "off"
    assert "found only 14 of a prompt of 990 in its cache" in str(status["reason"])
    assert status["is_proved"] is False
    assert [record.levelno for record in caplog.records if "slot_saver" in record.name] == [logging.WARNING]
    assert len(backend.requests) == 4  # the exchange and the save before, the restore and the exchange now


async def test_the_evaluation_of_the_first_prompt_verifies_a_restore(tmp_path: Path, backend: RawBackend) -> None:
    options = with_first_prompt(saving_slots(tmp_path), tmp_path)
    await run_before(tmp_path, backend, options)
    target = target_at(backend.base_url, parallel_requests=1)
    async with running_gateway(tmp_path, target, options=options, clock=never_idle()) as gateway:
        await restore(await backend.next_request())
        await reply(await backend.next_request(), cached=TOKENS - 20)
        await gateway.recorded(2)
        status = await slot_status(gateway)

    assert status["is_proved"] is True


async def test_of_another_launch_only_the_beginning_is_expected_in_the_cache(
    tmp_path: Path, backend: RawBackend
) -> None:
    await run_before(tmp_path, backend, saving_slots(tmp_path))
    target, options = target_at(backend.base_url, parallel_requests=1), saving_slots(tmp_path, key=KITCHEN)
    async with running_gateway(tmp_path, target, options=options, clock=never_idle()) as gateway:
        await restore(await backend.next_request())
        await exchange(gateway, backend, cached=14)
        status = await slot_status(gateway)

    assert (status["state"], status["restored_tokens"], status["is_proved"]) == ("on", TOKENS, False)


async def test_for_a_session_that_is_continued_no_snapshot_of_another_launch_is_restored(
    tmp_path: Path, backend: RawBackend
) -> None:
    await run_before(tmp_path, backend, saving_slots(tmp_path))
    seen = len(backend.requests)
    target = target_at(backend.base_url, parallel_requests=1)
    options = saving_slots(tmp_path, continues_session=True, key=KITCHEN)
    async with running_gateway(tmp_path, target, options=options, clock=never_idle()) as gateway:
        await exchange(gateway, backend)
        asked = [request.path for request in backend.requests[seen:]]

    assert asked == ["/v1/chat/completions"]


async def test_a_continued_session_is_not_evicted_by_prewarming(tmp_path: Path, backend: RawBackend) -> None:
    options = with_first_prompt(saving_slots(tmp_path), tmp_path)
    await run_before(tmp_path, backend, options)
    continuing = with_first_prompt(saving_slots(tmp_path, continues_session=True), tmp_path)
    target = target_at(backend.base_url, parallel_requests=1)
    async with running_gateway(tmp_path, target, options=continuing, clock=never_idle()) as gateway:
        await restore(await backend.next_request())
        await exchange(gateway, backend, cached=TOKENS - 20)
        classes = [record["request_class"] for record in gateway.records()]

    assert classes == ["unknown", "unknown"]


async def test_nothing_is_restored_while_a_request_is_running(tmp_path: Path, backend: RawBackend) -> None:
    await run_before(tmp_path, backend, saving_slots(tmp_path))
    fake = FakeBackend(target_at(backend.base_url, parallel_requests=1))
    saver, upstream = saver_of(fake, tmp_path)
    async with upstream.admission.turn(Requester("another conversation")):
        await saver.restore()

    assert fake.requests == []


async def test_a_snapshot_that_could_not_be_asked_for_is_kept(tmp_path: Path, backend: RawBackend) -> None:
    await run_before(tmp_path, backend, saving_slots(tmp_path))
    refusal = ConnectionsExhausted("no descriptor is left")
    saver, _ = saver_of(FakeBackend(target_at(backend.base_url, parallel_requests=1), refusal), tmp_path)

    await saver.restore()

    assert saver.health()["state"] == "on"
    assert len(list((tmp_path / "states").glob("*.bin"))) == 1


async def test_a_partial_restore_switches_snapshots_off(tmp_path: Path, backend: RawBackend) -> None:
    await run_before(tmp_path, backend, saving_slots(tmp_path))
    target = target_at(backend.base_url, parallel_requests=1)
    async with running_gateway(tmp_path, target, options=saving_slots(tmp_path), clock=never_idle()) as gateway:
        await restore(await backend.next_request(), TOKENS - 1)
        await exchange(gateway, backend)
        status = await slot_status(gateway)

    assert "restored 999 of 1,000 tokens" in str(status["reason"])


async def test_a_snapshot_that_cannot_be_restored_is_removed(tmp_path: Path, backend: RawBackend) -> None:
    await run_before(tmp_path, backend, saving_slots(tmp_path))
    target = target_at(backend.base_url, parallel_requests=1)
    async with running_gateway(tmp_path, target, options=saving_slots(tmp_path), clock=never_idle()) as gateway:
        await (await backend.next_request()).refuse(400, "invalid slot save file")
        await exchange(gateway, backend)
        status = await slot_status(gateway)

    assert status["state"] == "off"
    assert "invalid slot save file" in str(status["reason"])
    assert list((tmp_path / "states").iterdir()) == []


async def test_a_server_without_slot_actions_is_not_asked_again(tmp_path: Path, backend: RawBackend) -> None:
    target, clock = target_at(backend.base_url, parallel_requests=1), ManualClock()
    async with running_gateway(tmp_path, target, options=saving_slots(tmp_path), clock=idle_at_once(clock)) as gateway:
        await exchange(gateway, backend)
        await (await backend.next_request()).refuse(501, "This server does not support slots action.")
        await exchange(gateway, backend)
        status = await slot_status(gateway)

    assert "does not support slots action" in str(status["reason"])
    assert len(backend.requests) == 3


async def test_a_request_cancels_a_save_which_is_repeated_later(tmp_path: Path, backend: RawBackend) -> None:
    target, clock = target_at(backend.base_url, parallel_requests=1), ManualClock()
    async with running_gateway(tmp_path, target, options=saving_slots(tmp_path), clock=idle_at_once(clock)) as gateway:
        await exchange(gateway, backend)
        saving = await backend.next_request()
        await exchange(gateway, backend)
        await saving.wait_closed()
        again = await backend.next_request()
        await save(again, tmp_path)

    assert saving.path == "/slots/0?action=save"
    assert saving.json["filename"] != again.json["filename"]


async def test_after_a_slow_save_the_next_is_made_at_the_end_of_the_run(tmp_path: Path, backend: RawBackend) -> None:
    clock, target = ManualClock(), target_at(backend.base_url, parallel_requests=1)
    context = running_gateway(tmp_path, target, options=saving_slots(tmp_path), clock=idle_at_once(clock))
    gateway = await context.__aenter__()
    await exchange(gateway, backend)
    saving = await backend.next_request()
    clock.time += 2 * MAX_IDLE_SAVE_SECONDS
    await save(saving, tmp_path)
    await exchange(gateway, backend, session="session-2")
    before_stop = len(backend.requests)
    ending = asyncio.create_task(context.__aexit__(None, None, None))
    await save(await backend.next_request(), tmp_path)
    await ending

    assert before_stop == 3


@pytest.mark.parametrize("headers", [{"x-claude-code-agent-id": "a1"}, {"x-claude-code-request-class": "auxiliary"}])
async def test_only_main_conversations_are_saved(tmp_path: Path, backend: RawBackend, headers: dict[str, str]) -> None:
    target, clock = target_at(backend.base_url, parallel_requests=1), ManualClock()
    async with running_gateway(tmp_path, target, options=saving_slots(tmp_path), clock=idle_at_once(clock)) as gateway:
        await exchange(gateway, backend, headers=headers)

    assert len(backend.requests) == 1


async def test_a_stopped_engine_does_not_delay_the_end_of_the_run(tmp_path: Path, backend: RawBackend) -> None:
    target = target_at(backend.base_url, parallel_requests=1)
    async with running_gateway(tmp_path, target, options=saving_slots(tmp_path), clock=never_idle()) as gateway:
        await exchange(gateway, backend)
        await backend.stop()

    assert list((tmp_path / "states").glob("*.bin")) == []


async def test_a_snapshot_over_the_limit_is_removed_and_not_tried_again(
    tmp_path: Path, backend: RawBackend, caplog: pytest.LogCaptureFixture
) -> None:
    target, clock = target_at(backend.base_url, parallel_requests=1), ManualClock()
    async with running_gateway(tmp_path, target, options=saving_slots(tmp_path), clock=idle_at_once(clock)) as gateway:
        await exchange(gateway, backend)
        await save(await backend.next_request(), tmp_path, size=10_001)

    assert "10,001 bytes" in caplog.text
    assert len(backend.requests) == 2  # the end of the run does not try again
    assert list((tmp_path / "states").glob("*.bin")) == []
