"""A real server with a gateway in front of it, for the tests of one capability on every server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from _pytest.mark.structures import ParameterSet
from anthropic import AsyncAnthropic
from tests.parts.tiny_model import tiny_model_file
from tests.parts.weights import smollm2_file, tests_cache
from tests.sdk.clients import async_client

from anyclaude.protocol.json_values import JsonObject, JsonValue, decode_json

from .capabilities import CapabilityName
from .hugging_face import hugging_face_folder
from .running import RunningGateway, RunningServer, gateway_words, running_gateway, running_server
from .servers import SERVERS, TINY_CONTEXT_TOKENS, RealServer, server_named


@dataclass(frozen=True, slots=True)
class Played:
    """A running server, and a gateway that was given its address."""

    running: RunningServer
    gateway: RunningGateway

    @property
    def server(self) -> RealServer:
        """The row of the server's table."""
        return self.running.server

    def client(self) -> AsyncAnthropic:
        """Return the official SDK, connected to the gateway."""
        return async_client(self.gateway.base_url)

    async def backend(self) -> JsonObject:
        """Return what the gateway's `/health` says about the server."""
        return await backend_of(self.gateway)


async def backend_of(gateway: RunningGateway) -> JsonObject:
    """Return what a gateway's `/health` says about its first server."""
    document = await get_json(f"{gateway.base_url}/health")
    assert isinstance(document, dict)
    backends = document["backends"]
    assert isinstance(backends, list)
    backend = backends[0]
    assert isinstance(backend, dict)
    return backend


async def get_json(url: str) -> JsonValue:
    """Return the JSON document at an address."""
    async with aiohttp.ClientSession() as session, session.get(url, raise_for_status=True) as response:
        return decode_json(await response.read())


async def tiny_model_for(server: RealServer) -> Path:
    """Return the tiny model with random weights, in the format that a server reads."""
    models = tests_cache() / "models"
    file = tiny_model_file(await smollm2_file(), models)
    return file if server.model_format == "gguf" else hugging_face_folder(file, models, TINY_CONTEXT_TOKENS)


@asynccontextmanager
async def played_on(
    server: RealServer, model_file: Path, folder: Path, *server_words: str, gateway: tuple[str, ...] = ()
) -> AsyncIterator[Played]:
    """Run a server and a gateway for the duration of the context."""
    log = folder / f"{server.name}.txt"
    async with (
        running_server(server, model_file, log, *server_words) as running,
        running_gateway(folder, *gateway_words(running), *gateway) as serving,
    ):
        yield Played(running, serving)


def skip_unless_installed(server: RealServer) -> None:
    """Skip a test of a server that is not on this machine, and say which command installs it."""
    if not server.installation.is_installed:
        pytest.skip(f"{server.name} is not installed: uv run python -m tests.real_servers install {server.name}")


def on_servers(capability: CapabilityName, *names: str) -> pytest.MarkDecorator:
    """Play a test, which takes `played`, on these servers; by default on every one that is not excused."""
    chosen = names or tuple(server.name for server in SERVERS if capability not in server.cannot)
    return pytest.mark.parametrize("played", [on_server(name, capability) for name in chosen], indirect=True)


def on_server(name: str, *capabilities: CapabilityName) -> ParameterSet:
    """Return a parameter of a test that shows capabilities of a real server."""
    marks = [pytest.mark.capability(name, capability, "real") for capability in capabilities]
    return pytest.param(name, marks=marks, id=name)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Played]:
    """The server that the test's parameter names, with the tiny model, and a gateway."""
    server = server_named(request.param)
    skip_unless_installed(server)
    async with played_on(server, await tiny_model_for(server), tmp_path_factory.mktemp(server.name)) as running:
        yield running
