"""A client as `anyclaude` starts it: with the planned environment and arguments, and its own gateway."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.parts.claude_code import SYSTEM_PATH, ClientTask, Run, Workspace, client_arguments, run_command
from tests.parts.claude_code_versions import NATIVE, Client
from tests.parts.gateway import running_gateway

from anyclaude.backends import BackendTarget, fitted_to_template
from anyclaude.backends.http import HttpBackend, open_session
from anyclaude.launcher.client.environment import child_environment
from anyclaude.launcher.client.plan import Invocation, diet_of, plan_client
from anyclaude.launcher.client.session_settings import settings_file
from anyclaude.launcher.compose import launch_options
from anyclaude.profiles import EMBEDDED, BackendProfile
from anyclaude.settings import Settings
from anyclaude.transforms import Diet


@dataclass(frozen=True, slots=True)
class Launch:
    """The settings shared by several starts; `state` is the folder in which the gateway keeps its state."""

    client: Client
    workspace: Workspace
    state: Path
    model: str
    context_tokens: int
    diet: Diet | None = None
    profile: BackendProfile = EMBEDDED


async def run_launched(launch: Launch, backend_url: str, task: ClientTask) -> Run:
    """Start a gateway and a client, and stop the gateway when the client has finished."""
    async with launched(launch, await _target(launch, backend_url), task) as command:
        return await run_command(command.words, launch.workspace, command.environment, task.timeout_seconds)


@dataclass(frozen=True, slots=True)
class Command:
    """The words and the whole environment with which a client is started."""

    words: tuple[str, ...]
    environment: Mapping[str, str]


@asynccontextmanager
async def launched(launch: Launch, target: BackendTarget, task: ClientTask) -> AsyncIterator[Command]:
    """Run a gateway for a client, and yield the command that starts the client as `anyclaude` does."""
    settings = Settings(log_dir=launch.state, diet=launch.diet)
    user = users_environment(launch) | dict(task.environment)
    invocation = Invocation(client_arguments(launch.workspace, task), user, launch.workspace.tree)
    is_native = launch.client.version == NATIVE
    options = launch_options(settings, diet_of(invocation, settings, target, is_native=is_native).diet.gateway)
    async with running_gateway(launch.state, target, options=options) as gateway:
        plan = plan_client(invocation, settings, target, gateway.base_url, is_native=is_native)
        with settings_file(plan.settings) as file:
            yield Command((*launch.client.command, *plan.arguments(file)), child_environment(user, plan.variables))


async def _target(launch: Launch, backend_url: str) -> BackendTarget:
    """Return the target as the launcher configures it after it has probed the server's template."""
    target = BackendTarget(
        profile=launch.profile,
        base_url=backend_url,
        model=launch.model,
        context_tokens=launch.context_tokens,
        parallel_requests=launch.profile.parallel_requests,
    )
    async with open_session() as session:
        return await fitted_to_template(HttpBackend(session, target))


def users_environment(launch: Launch) -> dict[str, str]:
    """Return the environment of a user without any setting for Claude Code; `IS_SANDBOX` allows a run as root."""
    return {
        "HOME": str(launch.workspace.home),
        "PATH": f"{Path(launch.client.command[0]).parent}:{SYSTEM_PATH}",
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "SHELL": "/bin/bash",
        "IS_SANDBOX": "1",
    }
