"""The two ways from a client to an engine: straight to the engine's own `/v1/messages`, and through anyclaude."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from tests.parts.claude_code import SYSTEM_PATH, Desk, Order, Run, client_arguments, run_command
from tests.parts.claude_code_versions import NATIVE, Client
from tests.parts.evaluating_backend import EvaluatingBackend
from tests.parts.gateway import running_gateway

from anyclaude.backends.target import BackendTarget
from anyclaude.engine.embedded import EmbeddedEngine
from anyclaude.launcher.environment import child_environment
from anyclaude.launcher.plan import Invocation, plan_client
from anyclaude.profiles import EMBEDDED
from anyclaude.server.gateway import GatewayOptions
from anyclaude.settings import Settings


@dataclass(frozen=True, slots=True)
class Place:
    """Where a client is run: its desk, the engine it is to use, and the backend that stands before that."""

    client: Client
    desk: Desk
    engine: EmbeddedEngine
    backend: EvaluatingBackend
    state: Path


@dataclass(frozen=True, slots=True)
class Way:
    """One way, and how a client is run on it."""

    title: str
    run: Callable[[Place, Order], Awaitable[Run]]


async def run_directly(place: Place, order: Order) -> Run:
    """Run a client with its own defaults: it knows the address, the model and its window, and no more."""
    environment = {
        **_bare_environment(place),
        "ANTHROPIC_BASE_URL": place.backend.origin,
        "ANTHROPIC_AUTH_TOKEN": "dummy",
        "ANTHROPIC_MODEL": place.engine.model_name,
        "CLAUDE_CODE_MAX_CONTEXT_TOKENS": str(place.engine.context_tokens),
        # Not a default, but nothing a test starts may speak to the world.
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }
    command = (*place.client.command, *client_arguments(place.desk, order))
    return await run_command(command, place.desk, environment, order.timeout_seconds)


async def run_through_anyclaude(place: Place, order: Order) -> Run:
    """Run a client as the launcher does, with a gateway of its own that remembers what the last one has left."""
    target = BackendTarget(
        profile=EMBEDDED,
        base_url=place.backend.base_url,
        model=place.engine.model_name,
        context_tokens=place.engine.context_tokens,
        parallel_requests=place.engine.slots,
    )
    options = GatewayOptions(grace_seconds=0.2, memory_file=place.state / "spoken-calls.jsonl")
    async with running_gateway(place.state, target, options=options) as gateway:
        user = _bare_environment(place)
        invocation = Invocation(client_arguments(place.desk, order), user, place.desk.tree)
        is_native = place.client.version == NATIVE
        plan = plan_client(invocation, Settings(), target, gateway.base_url, is_native=is_native)
        environment = child_environment(user, plan.variables)
        command = (*place.client.command, *plan.arguments)
        return await run_command(command, place.desk, environment, order.timeout_seconds)


DIRECT = Way("direct", run_directly)
THROUGH_ANYCLAUDE = Way("anyclaude", run_through_anyclaude)
WAYS = (DIRECT, THROUGH_ANYCLAUDE)


def _bare_environment(place: Place) -> dict[str, str]:
    return {
        "HOME": str(place.desk.home),
        "PATH": f"{Path(place.client.command[0]).parent}:{SYSTEM_PATH}",
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "SHELL": "/bin/bash",
        "IS_SANDBOX": "1",
    }
