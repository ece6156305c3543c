"""Times a launch: from the start of the command to the client's first request to the model."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler
from tests.parts.chat_reply import reply, say
from tests.parts.chat_script import always
from tests.parts.chat_server import ChatServer, ServerOptions
from tests.parts.claude_code import SYSTEM_PATH
from tests.parts.claude_code_versions import NATIVE, installed_client

from anyclaude.backends.target import BackendTarget
from anyclaude.launcher.client.environment import child_environment
from anyclaude.launcher.client.plan import Invocation, plan_client
from anyclaude.profiles import profile_named
from anyclaude.settings import Settings
from anyclaude.storage import write_private

from .commands import program

MODEL = "played"
CONTEXT_TOKENS = 131_072
PROMPT = ("-p", "Say hello")
REQUESTS = ("/v1/chat/completions", "/v1/messages")
"""What a model is asked by: the gateway asks by the first, the client by the second."""

LONG_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Launches:
    """Seconds to the first request, round by round."""

    alone: tuple[float, ...]
    through_anyclaude: tuple[float, ...]


class ModelServer:
    """A llama.cpp that is played, and also takes the client's own requests; it notes when the first one comes."""

    def __init__(self) -> None:
        self.base_url = ""
        self.first: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def expect(self) -> None:
        """Wait for another first request."""
        self.first = asyncio.get_running_loop().create_future()

    @web.middleware
    async def note(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Note the time of a request, and answer it."""
        if request.path in REQUESTS and not self.first.done():
            self.first.set_result(time.perf_counter())
        return await handler(request)


async def measure_launches(folder: Path, rounds: int) -> Launches:
    """Start the client alone and through anyclaude in turn; the first round, which fills caches, is not counted."""
    alone: list[float] = []
    through: list[float] = []
    home = folder / "home"
    home.mkdir()
    async with _model_server() as server:
        for number in range(rounds + 1):
            alone.append(await _seconds(server, *_alone(home, server.base_url), home))
            through.append(
                await _seconds(server, *_through_anyclaude(home, server.base_url, folder / str(number)), home)
            )
    return Launches(tuple(alone[1:]), tuple(through[1:]))


def _alone(home: Path, base_url: str) -> tuple[Sequence[str], Mapping[str, str]]:
    """Return the client's command as anyclaude starts it, with the address of the server."""
    user = _users_environment(home)
    profile = profile_named("llamacpp")
    target = BackendTarget(profile=profile, base_url=base_url, model=MODEL, context_tokens=CONTEXT_TOKENS)
    plan = plan_client(Invocation(PROMPT, user, home), Settings(), target, base_url, is_native=True)
    write_private(home / "settings.json", msgspec.json.encode(plan.settings))
    words = plan.arguments(home / "settings.json")
    return (*installed_client(NATIVE).command, *words), child_environment(user, plan.variables)


def _through_anyclaude(home: Path, base_url: str, log_folder: Path) -> tuple[Sequence[str], Mapping[str, str]]:
    """Return the command of a first launch: without a recorded prompt, nothing is evaluated in advance."""
    more = {"ANYCLAUDE_BACKEND_URL": base_url, "ANYCLAUDE_LOG_DIR": str(log_folder)}
    more |= {"ANYCLAUDE_CLAUDE_PATH": installed_client(NATIVE).command[0]}
    return (str(program()), *PROMPT), _users_environment(home) | more


def _users_environment(home: Path) -> dict[str, str]:
    return {"HOME": str(home), "PATH": SYSTEM_PATH, "LANG": "C.UTF-8", "TERM": "xterm-256color", "SHELL": "/bin/bash"}


async def _seconds(server: ModelServer, command: Sequence[str], environment: Mapping[str, str], home: Path) -> float:
    """Return how long the first request took to arrive; the command is killed then."""
    server.expect()
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=home,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(LONG_SECONDS):
            return await server.first - began
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


@asynccontextmanager
async def _model_server() -> AsyncIterator[ModelServer]:
    server = ModelServer()
    options = ServerOptions(context_tokens=CONTEXT_TOKENS)
    application = ChatServer(always(reply(say("Hello."))), options).application()
    application.middlewares.append(server.note)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()
