"""What a run is composed of, as far as it follows from the settings alone."""

import asyncio
import dataclasses
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.parts.gateway import target_at
from tests.parts.raw_backend import RawBackend, raw_backend
from tests.parts.raw_client import connected
from tests.parts.sessions import first_request, send

from anyclaude.backends import BackendTarget
from anyclaude.engine.embedded import EmbeddedEngine
from anyclaude.launcher.compose import WRITING, Served, launch_options, running_gateway, warmed
from anyclaude.launcher.engine_monitor import EngineMonitor
from anyclaude.prewarm.first_prompt import LaunchKey
from anyclaude.prewarm.slot_saver import SlotSaverOptions
from anyclaude.profiles import BackendName
from anyclaude.server import GatewayOptions
from anyclaude.settings import Settings

PLACE = LaunchKey("/garden", "manner")
SESSION = "0e31949d-9c0e-48c3-9a86-3c5ddb3f8c0b"
SETTINGS = Settings(log_dir=Path("/logs"), cache_dir=Path("/cache"))


def target(backend: BackendName) -> BackendTarget:
    return target_at("http://127.0.0.1:1/v1", backend)


def options(
    served: Served, settings: Settings = SETTINGS, launch_key: LaunchKey | None = PLACE, *words: str
) -> GatewayOptions:
    return warmed(launch_options(settings, "lean"), served, settings, launch_key, words)


@pytest.fixture
async def embedded(tiny_engine: EmbeddedEngine) -> Served:
    """The servers of a run with the engine that comes along."""
    return Served((target("embedded"),), tiny_engine, "identity")


@pytest.mark.parametrize("backend", ["llamacpp", "lmstudio", "ollama", "vllm", "generic"])
async def test_every_near_server_is_warmed_and_only_ours_has_its_state_kept(backend: BackendName) -> None:
    chosen = options(Served((target(backend),)))

    assert chosen.prewarm.first_prompt is not None
    assert (chosen.prewarm.first_prompt.folder, chosen.prewarm.first_prompt.launch_key) == (
        Path("/logs/first-prompts"),
        PLACE,
    )
    assert chosen.prewarm.slot is None


async def test_a_server_that_is_paid_for_is_never_asked_in_advance() -> None:
    chosen = options(Served((target("openrouter"), target("llamacpp"))))
    elsewhere = options(Served((target_at("https://api.example.com/v1", "generic"),)))

    assert (chosen.prewarm.first_prompt, chosen.prewarm.slot) == (None, None)
    assert elsewhere.prewarm.first_prompt is None


async def test_mode_claude_has_nothing_to_warm() -> None:
    assert options(Served(())).prewarm.first_prompt is None


async def test_the_embedded_engine_has_its_state_kept(embedded: Served) -> None:
    kept = options(embedded).prewarm.slot

    assert kept is not None
    assert (kept.folder, kept.engine, kept.launch_key) == (Path("/cache/kept-states"), "identity", PLACE)
    assert kept.limit_bytes == 4 * 1024**3
    assert (kept.continues_session, kept.session) == (False, None)


async def test_the_session_that_goes_on_is_passed_on(embedded: Served) -> None:
    kept = options(embedded, SETTINGS, PLACE, "--resume", SESSION).prewarm.slot

    assert kept is not None
    assert (kept.continues_session, kept.session) == (True, SESSION)


async def test_each_can_be_switched_off(embedded: Served) -> None:
    without_warm_up = options(embedded, replace(SETTINGS, prewarm=False))
    without_states = options(embedded, replace(SETTINGS, slot_snapshots_mib=0))

    assert without_warm_up.prewarm.first_prompt is None
    assert without_warm_up.prewarm.slot is not None
    assert without_states.prewarm.first_prompt is not None
    assert without_states.prewarm.slot is None


async def test_with_several_slots_nobody_knows_whose_state_it_would_be(embedded: Served) -> None:
    assert embedded.engine is not None
    several = Served(embedded.targets, dataclasses.replace(embedded.engine, slots=2), embedded.engine_identity)

    assert options(several).prewarm.slot is None


async def test_without_a_project_no_state_is_kept(embedded: Served) -> None:
    chosen = options(embedded, launch_key=None)

    assert chosen.prewarm.first_prompt is not None
    assert (chosen.prewarm.first_prompt.launch_key, chosen.prewarm.slot) == (None, None)


async def end_of_a_run(folder: Path, backend: RawBackend, *, keeps: bool) -> list[str]:
    """Live through a run with one exchange, and return what is said until the engine is told to write."""
    said: list[str] = []
    served = Served((target_at(backend.base_url, "embedded", parallel_requests=1),))
    settings = Settings(log_dir=folder, cache_dir=folder)
    kept = SlotSaverOptions(folder=folder / "states", engine="e", launch_key=PLACE, limit_bytes=10_000)
    chosen = replace(launch_options(settings, "full"), kept_state=kept if keeps else None)
    context = running_gateway(chosen, served, settings, EngineMonitor(), said.append, quiet_seconds=0.0)
    gateway = await context.__aenter__()
    async with connected(gateway.base_url) as client:
        await send(client, first_request("Pull the weeds"))
        asked = await backend.next_request()
        await asked.begin()
        await asked.finish(prompt_tokens=990)
        await client.response()
    ending = asyncio.create_task(context.__aexit__(None, None, None))
    if keeps:
        saving = await backend.next_request()
        assert saving.path == "/slots/0?action=save"
        heard = list(said)
        await saving.refuse(500, "no more of that")
        await ending
        return heard
    await ending
    return said


async def test_who_waits_for_a_state_to_be_written_is_told_and_nobody_else(tmp_path: Path) -> None:
    async with raw_backend() as backend:
        assert await end_of_a_run(tmp_path, backend, keeps=True) == [WRITING]
        assert await end_of_a_run(tmp_path, backend, keeps=False) == []
