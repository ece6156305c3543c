"""The gateway of a run: its options, and the notice when it closes."""

import asyncio
import socket
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.parts.gateway import target_at
from tests.parts.null_progress import NullProgress
from tests.parts.raw_backend import RawBackend, free_port, raw_backend
from tests.parts.raw_client import ask, connected, prompt
from tests.parts.restarting_server import RestartingServer, Restarts
from tests.parts.sessions import first_request, send

from anyclaude.backends import BackendTarget
from anyclaude.engine.embedded import EmbeddedEngine
from anyclaude.errors import InvalidSetting
from anyclaude.launcher import Invocation
from anyclaude.launcher.client import Client
from anyclaude.launcher.client.diets import LEAN
from anyclaude.launcher.compose import (
    SAVING,
    launch_gateway,
    launch_options,
    running_gateway,
    serve_options,
    serving_gateway,
    with_prewarming,
)
from anyclaude.launcher.engine_monitor import EngineMonitor
from anyclaude.launcher.run import Run
from anyclaude.launcher.servers import OwnEngine, Servers, running_servers
from anyclaude.network import Network
from anyclaude.prewarm import LaunchKey, PrewarmOptions, SlotSaverOptions
from anyclaude.profiles import BackendName
from anyclaude.secret import Secret
from anyclaude.server import GatewayOptions
from anyclaude.settings import Settings
from anyclaude.web.options import WebOptions

PROJECT = LaunchKey("/garden", "fingerprint")
SESSION = "0e31949d-9c0e-48c3-9a86-3c5ddb3f8c0b"
SETTINGS = Settings(log_dir=Path("/logs"), cache_dir=Path("/cache"))


def target(backend: BackendName, parallel_requests: int = 1) -> BackendTarget:
    return target_at("http://127.0.0.1:1/v1", backend, parallel_requests)


def run_of(servers: Servers, settings: Settings = SETTINGS, *words: str) -> Run:
    return Run(Invocation(words, {}, Path("/garden")), settings, servers, EngineMonitor(), pytest.fail)


def options(
    servers: Servers, settings: Settings = SETTINGS, launch_key: LaunchKey | None = PROJECT, *words: str
) -> GatewayOptions:
    return with_prewarming(launch_options(settings, "lean"), run_of(servers, settings, *words), launch_key)


@pytest.fixture
async def embedded(tiny_engine: EmbeddedEngine) -> Servers:
    """The servers of a run with the embedded engine."""
    return with_engine(tiny_engine, target("embedded"))


def with_engine(engine: EmbeddedEngine, target: BackendTarget) -> Servers:
    return Servers((target,), OwnEngine(target, engine, "identity"))


def test_serve_uses_host_and_port_of_the_settings_and_a_launch_a_free_loopback_port() -> None:
    settings = replace(SETTINGS, host="0.0.0.0", port=1, token=Secret("t"), queue_limit=2)

    launch, serve = launch_options(settings, "lean"), serve_options(settings, "lean")

    assert (launch.host, launch.port, launch.token) == ("127.0.0.1", 0, None)
    assert (serve.host, serve.port, serve.token) == ("0.0.0.0", 1, Secret("t"))
    assert (launch.queue_limit, serve.queue_limit, launch.diet) == (2, 2, "lean")


def test_loops_are_ended_as_the_settings_say() -> None:
    as_usual = launch_options(SETTINGS, "lean")
    never = launch_options(replace(SETTINGS, repeated_calls=0, endless_reply=False), "lean")

    assert (as_usual.repeated_calls, as_usual.endless_reply) == (5, True)
    assert (never.repeated_calls, never.endless_reply) == (0, False)


@pytest.mark.parametrize("backend", ["llamacpp", "lmstudio", "ollama", "vllm", "generic"])
async def test_every_local_server_is_prewarmed_without_slot_snapshots(
    backend: BackendName,
) -> None:
    chosen = options(Servers((target(backend),)))

    assert chosen.prewarm.first_prompt is not None
    assert (chosen.prewarm.first_prompt.folder, chosen.prewarm.first_prompt.launch_key) == (
        Path("/logs/first-prompts"),
        PROJECT,
    )
    assert chosen.prewarm.slot is None


async def test_a_server_that_may_charge_gets_no_request_in_advance() -> None:
    chosen = options(Servers((target("openrouter"), target("llamacpp"))))
    elsewhere = options(Servers((target_at("https://api.example.com/v1", "generic"),)))

    assert (chosen.prewarm.first_prompt, chosen.prewarm.slot) == (None, None)
    assert elsewhere.prewarm.first_prompt is None


async def test_mode_claude_prewarms_nothing() -> None:
    assert options(Servers(())).prewarm.first_prompt is None


async def test_the_embedded_engine_has_slot_snapshots(embedded: Servers) -> None:
    kept = options(embedded).prewarm.slot

    assert kept is not None
    assert (kept.folder, kept.engine, kept.launch_key) == (Path("/cache/kept-states"), "identity", PROJECT)
    assert kept.limit_bytes == 4 * 1024**3
    assert (kept.continues_session, kept.session) == (False, None)


async def test_a_resumed_session_is_passed_on(embedded: Servers) -> None:
    kept = options(embedded, SETTINGS, PROJECT, "--resume", SESSION).prewarm.slot

    assert kept is not None
    assert (kept.continues_session, kept.session) == (True, SESSION)


async def test_prewarming_and_snapshots_can_be_switched_off_separately(embedded: Servers) -> None:
    without_prompts = options(embedded, replace(SETTINGS, prewarm=False))
    without_snapshots = options(embedded, replace(SETTINGS, slot_snapshots_mib=0))

    assert without_prompts.prewarm.first_prompt is None
    assert without_prompts.prewarm.slot is not None
    assert without_snapshots.prewarm.first_prompt is not None
    assert without_snapshots.prewarm.slot is None


async def test_several_slots_have_no_snapshots(tiny_engine: EmbeddedEngine) -> None:
    assert options(with_engine(tiny_engine, target("embedded", parallel_requests=2))).prewarm.slot is None


async def test_without_a_project_there_are_no_snapshots(embedded: Servers) -> None:
    chosen = options(embedded, launch_key=None)

    assert chosen.prewarm.first_prompt is not None
    assert (chosen.prewarm.first_prompt.launch_key, chosen.prewarm.slot) == (None, None)


async def end_of_a_run(folder: Path, backend: RawBackend, *, saves: bool) -> list[str]:
    """Run a gateway with one exchange, and return the notices until the engine saves its slot, or until the end."""
    said: list[str] = []
    settings = Settings(log_dir=folder, cache_dir=folder)
    servers = Servers((target_at(backend.base_url, "embedded", parallel_requests=1),))
    run = replace(run_of(servers, settings), say=said.append)
    slot = SlotSaverOptions(folder=folder / "states", engine="e", launch_key=PROJECT, limit_bytes=10_000)
    chosen = replace(launch_options(settings, "full"), prewarm=PrewarmOptions(slot=slot if saves else None))
    context = running_gateway(chosen, run, notice_seconds=0.0)
    gateway = await context.__aenter__()
    async with connected(gateway.base_url) as client:
        await send(client, first_request("Pull the weeds"))
        asked = await backend.next_request()
        await asked.begin()
        await asked.finish(prompt_tokens=990)
        await client.response()
    closing = asyncio.create_task(context.__aexit__(None, None, None))
    if saves:
        saving = await backend.next_request()
        assert saving.path == "/slots/0?action=save"
        said_before = list(said)
        await saving.refuse(500, "no more of that")
        await closing
        return said_before
    await closing
    return said


async def test_a_notice_is_written_while_a_snapshot_is_saved_and_not_otherwise(tmp_path: Path) -> None:
    async with raw_backend() as backend:
        assert await end_of_a_run(tmp_path, backend, saves=True) == [SAVING]
        assert await end_of_a_run(tmp_path, backend, saves=False) == []


async def test_the_gateway_of_a_launch_follows_its_server_and_writes_nothing(tmp_path: Path) -> None:
    server = RestartingServer()
    settings = Settings(backend_url=server.origin, log_dir=tmp_path, cache_dir=tmp_path)
    async with Restarts(server) as restart, running_servers(settings, NullProgress(), pytest.fail) as servers:
        run = run_of(servers, settings)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            async with launch_gateway(run, Client(("claude",), is_native=True), LEAN, listening) as gateway:
                await ask(gateway.base_url, "POST", "/v1/messages", prompt())
                await restart("gemma")
                response = await ask(gateway.base_url, "POST", "/v1/messages", prompt())

    assert response.status == 200
    assert server.asked_for[-1] == "gemma"


async def test_records_that_a_launch_loses_are_said_when_its_client_has_ended(tmp_path: Path) -> None:
    (tmp_path / "request-logs").write_text("in the way")
    server = RestartingServer()
    settings = Settings(backend_url=server.origin, log_dir=tmp_path, cache_dir=tmp_path)
    said: list[str] = []
    async with Restarts(server), running_servers(settings, NullProgress(), pytest.fail) as servers:
        run = replace(run_of(servers, settings), say=said.append)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            async with launch_gateway(run, Client(("claude",), is_native=True), LEAN, listening) as gateway:
                answers = [await ask(gateway.base_url, "POST", "/v1/messages", prompt()) for _ in range(2)]
                before = list(said)

    assert [answer.status for answer in answers] == [200, 200]
    assert before == []
    assert len(said) == 1
    assert "request-logs" in said[0]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_gateway_does_not_forward_to_itself(host: str, tmp_path: Path) -> None:
    settings = Settings(mode="claude", port=free_port(), log_dir=tmp_path)
    environment = {"ANTHROPIC_BASE_URL": f"http://{host}:{settings.port}"}
    run = Run(Invocation((), environment, tmp_path), settings, Servers(()), EngineMonitor(), pytest.fail)

    with pytest.raises(InvalidSetting, match="ANTHROPIC_BASE_URL"):
        async with serving_gateway(run, lambda known, present: None):
            pytest.fail("it runs")


BRAVE_KEY, TAVILY_KEY, OWN_KEY = Secret("brave-key-1"), Secret("tavily-key-2"), Secret("own-key-3")


@pytest.mark.parametrize(
    ("provider", "own", "key"),
    [
        ("brave", None, BRAVE_KEY),
        ("tavily", None, TAVILY_KEY),
        ("brave", OWN_KEY, OWN_KEY),
        ("duckduckgo", OWN_KEY, None),
        ("http://searxng.example", OWN_KEY, None),
        (None, OWN_KEY, None),
    ],
)
def test_a_search_provider_gets_its_own_key_and_no_other(
    provider: str | None, own: Secret | None, key: Secret | None
) -> None:
    keys = {"BRAVE_API_KEY": BRAVE_KEY, "TAVILY_API_KEY": TAVILY_KEY}
    settings = replace(SETTINGS, web_search=provider, web_search_key=own, keys=keys)

    web = launch_options(settings, "full").web

    assert (web.search, web.search_key) == (provider, key)


def test_pages_are_fetched_only_if_that_is_switched_on_and_in_the_way_of_all_requests() -> None:
    network = Network(no_proxy=("example.com",))
    settings = replace(SETTINGS, web_fetch=True, network=network)

    assert not launch_options(SETTINGS, "full").web.is_on
    assert serve_options(settings, "full").web == WebOptions(fetches=True, network=network)
