"""What `/health` tells of warmth, and in which order a session is made warm."""

import json
from pathlib import Path

from msgspec.structs import replace
from tests.parts.gateway import QUICK, RunningGateway, running_gateway, target_at
from tests.parts.raw_backend import RawBackend
from tests.parts.raw_client import connected
from tests.parts.sessions import first_request, prewarm_status, send

from anyclaude.backends import SlotFile
from anyclaude.prewarm import FirstPromptOptions, LaunchKey, PrewarmOptions, SlotSaverOptions
from anyclaude.prewarm.slot_store import SlotStore
from anyclaude.server import GatewayOptions

GARDEN = LaunchKey("/garden")


def warm(folder: Path) -> GatewayOptions:
    kept = SlotSaverOptions(folder=folder / "states", engine="engine", launch_key=GARDEN, limit_bytes=10_000)
    prompt = FirstPromptOptions(folder / "first-prompts", GARDEN)
    return replace(QUICK, prewarm=PrewarmOptions(first_prompt=prompt, slot=kept))


async def lived_through(folder: Path, backend: RawBackend) -> None:
    """Leave behind what an earlier run would: a prompt, and a state."""
    options = replace(warm(folder), prewarm=PrewarmOptions(first_prompt=warm(folder).prewarm.first_prompt))
    async with (
        running_gateway(folder, target_at(backend.base_url), options=options) as gateway,
        connected(gateway.base_url) as client,
    ):
        await send(client, first_request("Pull the weeds"))
        await (await backend.next_request()).reply("Hello")
        await client.response()
    states = SlotStore(folder / "states", "engine", 10_000)
    assert states.has_room_for(1)
    name = states.new_file_name()
    (folder / "states" / name).write_bytes(b"x")
    states.keep(GARDEN, "session-1", name, SlotFile(12, 1))


async def test_a_gateway_without_either_says_so(gateway: RunningGateway) -> None:
    assert await prewarm_status(gateway) == {"warm_up": "off", "kept_state": None}


async def test_a_gateway_that_has_nothing_to_go_by_says_so(tmp_path: Path, backend: RawBackend) -> None:
    async with running_gateway(tmp_path, target_at(backend.base_url), options=warm(tmp_path)) as gateway:
        warmth = await prewarm_status(gateway)

    nothing = {"restored_tokens": None, "is_proved": False, "saved_tokens": None}
    assert warmth == {"warm_up": "nothing to evaluate", "kept_state": {"state": "on", "reason": None, **nothing}}


async def test_the_state_is_restored_before_the_prompt_is_evaluated(tmp_path: Path, backend: RawBackend) -> None:
    await lived_through(tmp_path, backend)
    async with running_gateway(tmp_path, target_at(backend.base_url), options=warm(tmp_path)) as gateway:
        restoring = await backend.next_request()
        between = len(backend.requests)
        await restoring.answer(200, json.dumps({"n_restored": 12, "n_read": 1}).encode())
        warming = await backend.next_request()
        await warming.reply("H")
        await gateway.recorded(2)

    assert restoring.path == "/slots/0?action=restore"
    assert between == 2
    assert warming.path == "/v1/chat/completions"


async def test_a_gateway_that_stops_while_a_state_is_restored_lets_go(tmp_path: Path, backend: RawBackend) -> None:
    await lived_through(tmp_path, backend)
    async with running_gateway(tmp_path, target_at(backend.base_url), options=warm(tmp_path)):
        restoring = await backend.next_request()

    await restoring.wait_closed()
