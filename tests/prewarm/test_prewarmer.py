"""The state of prewarming in `/health`, and the order of its steps."""

import asyncio
import json
from pathlib import Path

from msgspec.structs import replace
from tests.parts.gateway import QUICK, RunningGateway, running_gateway, target_at
from tests.parts.json_at import at
from tests.parts.raw_backend import RawBackend
from tests.parts.raw_client import ask, connected
from tests.parts.sessions import first_request, prewarm_status, send

from anyclaude.backends import BackendTarget, SlotFile
from anyclaude.prewarm import FirstPromptOptions, LaunchKey, PrewarmOptions, SlotSaverOptions
from anyclaude.prewarm.slot_store import SlotStore
from anyclaude.server import GatewayOptions

GARDEN = LaunchKey("/garden")


def prewarming(folder: Path) -> GatewayOptions:
    slot = SlotSaverOptions(folder=folder / "states", engine="engine", launch_key=GARDEN, limit_bytes=10_000)
    prompt = FirstPromptOptions(folder / "first-prompts", GARDEN)
    return replace(QUICK, prewarm=PrewarmOptions(first_prompt=prompt, slot=slot))


async def run_before(folder: Path, backend: RawBackend) -> None:
    """Leave the files of an earlier run: a first prompt, and a slot snapshot."""
    options = replace(prewarming(folder), prewarm=PrewarmOptions(first_prompt=prewarming(folder).prewarm.first_prompt))
    async with (
        running_gateway(folder, target_at(backend.base_url), options=options) as gateway,
        connected(gateway.base_url) as client,
    ):
        await send(client, first_request("Pull the weeds"))
        await (await backend.next_request()).reply("Hello")
        await client.response()
    store = SlotStore(folder / "states", "engine", 10_000)
    assert store.has_room_for(1)
    name = store.new_file_name()
    (folder / "states" / name).write_bytes(b"x")
    store.keep(GARDEN, "session-1", name, SlotFile(12, 1))


async def test_health_reports_prewarming_that_is_switched_off(gateway: RunningGateway) -> None:
    assert await prewarm_status(gateway) == {"warm_up": "off", "kept_state": None}


async def test_health_reports_that_nothing_was_recorded(tmp_path: Path, backend: RawBackend) -> None:
    async with running_gateway(tmp_path, target_at(backend.base_url), options=prewarming(tmp_path)) as gateway:
        status = await prewarm_status(gateway)

    nothing = {"restored_tokens": None, "is_proved": False, "saved_tokens": None}
    assert status == {"warm_up": "nothing to evaluate", "kept_state": {"state": "on", "reason": None, **nothing}}


async def test_the_slot_is_restored_before_the_prompt_is_evaluated(tmp_path: Path, backend: RawBackend) -> None:
    await run_before(tmp_path, backend)
    async with running_gateway(tmp_path, target_at(backend.base_url), options=prewarming(tmp_path)) as gateway:
        restoring = await backend.next_request()
        between = len(backend.requests)
        await restoring.answer(200, json.dumps({"n_restored": 12, "n_read": 1}).encode())
        evaluating = await backend.next_request()
        await evaluating.reply("H")
        await gateway.recorded(2)

    assert restoring.path == "/slots/0?action=restore"
    assert between == 2
    assert evaluating.path == "/v1/chat/completions"


async def test_stopping_the_gateway_cancels_a_restore(tmp_path: Path, backend: RawBackend) -> None:
    await run_before(tmp_path, backend)
    async with running_gateway(tmp_path, target_at(backend.base_url), options=prewarming(tmp_path)):
        restoring = await backend.next_request()

    await restoring.wait_closed()


async def test_the_prompt_is_evaluated_when_an_awaited_server_is_found(tmp_path: Path, backend: RawBackend) -> None:
    await run_before(tmp_path, backend)
    target = target_at(backend.base_url)
    loaded = asyncio.Event()

    async def ask_again(known: BackendTarget) -> BackendTarget:
        await loaded.wait()
        return target

    prompt = FirstPromptOptions(tmp_path / "first-prompts", GARDEN)
    options = replace(QUICK, prewarm=PrewarmOptions(first_prompt=prompt), ask_again=(ask_again,))
    awaited = replace(target, model="", awaited_because="it loads")
    async with running_gateway(tmp_path, awaited, options=options) as gateway:
        waiting = at((await ask(gateway.base_url, "GET", "/health")).json, "warmth", "warm_up")
        loaded.set()
        evaluating = await backend.next_request()
        await evaluating.reply("H")
        record = await gateway.recorded(2)

    assert waiting == "waiting"
    assert evaluating.json["model"] == "local-model"
    assert record["outcome"] == "completed"


async def test_a_gateway_whose_server_was_never_found_stops_cleanly(tmp_path: Path, backend: RawBackend) -> None:
    await run_before(tmp_path, backend)
    awaited = replace(target_at(backend.base_url), awaited_because="it loads")
    async with running_gateway(tmp_path, awaited, options=prewarming(tmp_path)):
        asked = len(backend.requests)

    assert len(backend.requests) == asked == 1
