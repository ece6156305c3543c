"""The ways to play a session: the client directly on llama.cpp, and through anyclaude, cold and warm."""

import shutil
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Literal, TypeAlias

import aiohttp
from msgspec.structs import replace
from tests.parts.claude_code import ClientTask, Run, client_arguments, run_command, workspace_for
from tests.parts.claude_code_versions import NATIVE, installed_client
from tests.parts.evaluation import showing_prompts
from tests.parts.launched_client import Launch, users_environment
from tests.parts.null_progress import NullProgress
from tests.parts.work_tree import make_work_tree

from anyclaude.bounds import CONNECTION_BACKLOG
from anyclaude.engine.gguf import read_metadata
from anyclaude.launcher.client import Client, Invocation, child_environment, plan_client, settings_file
from anyclaude.launcher.compose import launch_gateway
from anyclaude.launcher.embedded import running_engine
from anyclaude.launcher.engine_monitor import monitored
from anyclaude.launcher.run import Run as LaunchRun
from anyclaude.launcher.servers import OwnEngine, Servers, unchanged
from anyclaude.settings import Settings

from .backend import ForcingBackend, forcing_backend
from .forced import Headers, forced_replies
from .llamacpp import running_llamacpp
from .measures import PlayedSession
from .script import FILES, Session, earlier_session, script_of

Way: TypeAlias = Literal["direct", "anyclaude, cold", "anyclaude, warm"]
DIRECT: Way = "direct"
COLD: Way = "anyclaude, cold"
"""The first launch on this machine."""
WARM: Way = "anyclaude, warm"
"""A launch in a project in which another session has been."""
WAYS = (DIRECT, COLD, WARM)

Say: TypeAlias = Callable[[str], None]

CLIENT_SECONDS = 3_600.0
"""A client that takes longer hangs: a model of 1.5B on two cores evaluates 11,000 tokens in some ten minutes."""

_TIERS = ("ANTHROPIC_DEFAULT_OPUS_MODEL", "ANTHROPIC_DEFAULT_SONNET_MODEL", "ANTHROPIC_DEFAULT_HAIKU_MODEL")


async def play(
    way: Way, model_file: Path, folder: Path, session_in: Callable[[Path], Session], say: Say
) -> PlayedSession:
    """
    Play a session in one way, with an engine, a project and a home of its own in the folder, which is emptied first.

    Raises:
        AssertionError: when the session does not go as the script has it.
    """
    shutil.rmtree(folder, ignore_errors=True)
    tree = make_work_tree(folder / "tree", FILES)
    launch = Launch(
        client=installed_client(NATIVE),
        workspace=workspace_for(tree, folder),
        state=folder / "state",
        model=model_file.stem,
        context_tokens=read_metadata(model_file).context_tokens or 0,
    )
    session = session_in(tree)
    if way == DIRECT:
        return await _played_directly(launch, model_file, session, say)
    if way == WARM:
        say("  the session before:")
        await _played_through_anyclaude(launch, model_file, earlier_session(tree), say)
        say("  the session:")
    return await _played_through_anyclaude(launch, model_file, session, say)


def others_environment(launch: Launch, base_url: str) -> dict[str, str]:
    """
    Return the environment of a client with the variables that other launchers set.

    Those of `ollama launch claude` (cmd/launch/claude.go, October 2026), with the limit of Claude Code Router for slow
    servers (`API_TIMEOUT_MS`), here without an end, and without traffic to the internet.
    """
    return {
        **users_environment(launch),
        "ANTHROPIC_BASE_URL": base_url,
        "ANTHROPIC_API_KEY": "",
        "ANTHROPIC_AUTH_TOKEN": "dummy",
        "ANTHROPIC_SMALL_FAST_MODEL": launch.model,
        **dict.fromkeys(_TIERS, launch.model),
        "CLAUDE_CODE_SUBAGENT_MODEL": launch.model,
        "CLAUDE_CODE_ATTRIBUTION_HEADER": "0",
        "DISABLE_TELEMETRY": "1",
        "DISABLE_ERROR_REPORTING": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        # A client that gives up and asks again would only cost more.
        "API_TIMEOUT_MS": "3000000",
        "CLAUDE_STREAM_IDLE_TIMEOUT_MS": "1800000",
    }


async def _played_directly(launch: Launch, model_file: Path, session: Session, say: Say) -> PlayedSession:
    with showing_prompts():
        async with (
            running_llamacpp(model_file, launch.workspace.log.with_name("llamacpp.log")) as url,
            _forcing(url, session, {}, say) as backend,
        ):
            task = _task(session, "--model", launch.model)
            words = (*launch.client.command, *client_arguments(launch.workspace, task))
            backend.start()
            run = await run_command(
                words, launch.workspace, others_environment(launch, backend.origin), task.timeout_seconds
            )
            return _checked(launch, backend, session, run)


async def _played_through_anyclaude(launch: Launch, model_file: Path, session: Session, say: Say) -> PlayedSession:
    """Start the engine, the gateway and the client as a launch does, on what earlier launches have left."""
    settings = Settings(model=str(model_file), log_dir=launch.state, cache_dir=launch.state / "cache")
    with showing_prompts():
        async with running_engine(settings, NullProgress(), say) as own:
            assert own.target.api_key is not None
            headers = {"Authorization": f"Bearer {own.target.api_key.reveal()}"}
            async with _forcing(own.target.base_url.removesuffix("/v1"), session, headers, say) as backend:
                through = replace(own, target=replace(own.target, base_url=backend.base_url))
                return await _launched(launch, settings, through, backend, session)


async def _launched(
    launch: Launch, settings: Settings, own: OwnEngine, backend: ForcingBackend, session: Session
) -> PlayedSession:
    """Run the gateway and the client of one launch, in the order of `launcher.launch`."""
    task = _task(session)
    invocation = Invocation(client_arguments(launch.workspace, task), users_environment(launch), launch.workspace.tree)
    client = Client(launch.client.command, is_native=True)
    listening = socket.create_server(("127.0.0.1", 0), backlog=CONNECTION_BACKLOG)
    backend.start()
    plan = plan_client(
        invocation, settings, own.target, f"http://127.0.0.1:{listening.getsockname()[1]}", is_native=client.is_native
    )
    environment = child_environment(invocation.environment, plan.variables)
    with closing(listening), settings_file(plan.settings, settings.log_dir) as file:
        words = (*client.command, *plan.arguments(file))
        async with monitored(own) as monitor:
            run = LaunchRun(invocation, settings, Servers((own.target,), own, (unchanged,)), monitor, backend.say)
            async with launch_gateway(run, client, listening):
                ended = await run_command(words, launch.workspace, environment, task.timeout_seconds)
                return _checked(launch, backend, session, ended)


@asynccontextmanager
async def _forcing(url: str, session: Session, headers: Headers, say: Say) -> AsyncIterator[ForcingBackend]:
    """Run the server that has the engine at `url` write the session's replies."""
    # llama.cpp announces keep-alive but closes a connection after each streamed reply, so none is reused.
    async with aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(force_close=True)) as engine:
        replies = await forced_replies(engine, session.turns, headers)
        async with forcing_backend(engine, script_of(session), replies, say) as backend:
            yield backend


def _task(session: Session, *arguments: str) -> ClientTask:
    return ClientTask(session.task, arguments, timeout_seconds=CLIENT_SECONDS)


def _checked(launch: Launch, backend: ForcingBackend, session: Session, run: Run) -> PlayedSession:
    """Return what was measured, once it is certain that the session was played as it is written."""
    seconds = backend.seconds()
    backend.check()
    run.check()
    left = {name: (launch.workspace.tree / name).read_text(encoding="utf-8") for name in session.files}
    assert left == session.files, f"the session has left other files: {left}"
    return PlayedSession(tuple(backend.turns), seconds, launch.context_tokens)
