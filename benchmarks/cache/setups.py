"""The setups: the client connected to the engine's own `/v1/messages`, and through anyclaude."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.slots import ServerOptions
from msgspec.structs import replace
from tests.parts.claude_code import ClientTask, Run, client_arguments, run_command
from tests.parts.evaluating_backend import EvaluatingBackend
from tests.parts.launched_client import Launch, run_launched, users_environment

from anyclaude.profiles import EMBEDDED, BackendProfile, profile_named


@dataclass(frozen=True, slots=True)
class Setup:
    """One connection from a client to an engine, and how to run the client on it."""

    title: str
    chat_template: str | None
    """The engine's chat template; `None` for the one that anyclaude gives the model."""
    run: Callable[[Launch, EvaluatingBackend, ClientTask], Awaitable[Run]]
    own_server: ServerOptions | None = None
    """A llama.cpp server as a user runs it; `None` for the embedded engine."""
    profile: BackendProfile = EMBEDDED
    """The engine's profile in anyclaude."""


async def run_directly(launch: Launch, backend: EvaluatingBackend, task: ClientTask) -> Run:
    """Run a client with its own defaults; only the address, the model and the window are set."""
    environment = {
        **users_environment(launch),
        "ANTHROPIC_BASE_URL": backend.origin,
        "ANTHROPIC_AUTH_TOKEN": "dummy",
        "ANTHROPIC_MODEL": launch.model,
        "CLAUDE_CODE_MAX_CONTEXT_TOKENS": str(launch.context_tokens),
        # Not a default, but no measured client may connect to the internet.
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }
    command = (*launch.client.command, *client_arguments(launch.workspace, task))
    return await run_command(command, launch.workspace, environment, task.timeout_seconds)


async def run_through_anyclaude(launch: Launch, backend: EvaluatingBackend, task: ClientTask) -> Run:
    """Run a client as the launcher does, with a new gateway on the previous one's files."""
    return await run_launched(launch, backend.base_url, task)


STOCK_TEMPLATE = Path(__file__).with_name("stock_chatml.jinja").read_text(encoding="utf-8")

DIRECT = Setup("direct", STOCK_TEMPLATE, run_directly)
THROUGH_ANYCLAUDE = Setup("anyclaude", None, run_through_anyclaude)
SETUPS = (DIRECT, THROUGH_ANYCLAUDE)


_ORDERED = profile_named("llamacpp")
_AS_THEY_ARRIVE = replace(_ORDERED, keeps_evicted_prompts=True)
_DEFAULTS = ServerOptions(slots=4, unified=True, cache_ram_mib=8192, similarity=0.1)
_NO_MEMORY = ServerOptions(slots=1, unified=False, cache_ram_mib=0, similarity=0.1)
OWN_SERVER_SETUPS = tuple(
    Setup(title, None, run_through_anyclaude, server, profile)
    for title, server, profile in (
        ("llama-server's defaults, four at once", _DEFAULTS, replace(_ORDERED, parallel_requests=4)),
        ("llama-server's defaults, one at a time, as they arrive", _DEFAULTS, _AS_THEY_ARRIVE),
        ("llama-server's defaults, one at a time, ordered", _DEFAULTS, _ORDERED),
        ("one slot and no memory, as they arrive", _NO_MEMORY, _AS_THEY_ARRIVE),
        ("one slot and no memory, ordered", _NO_MEMORY, _ORDERED),
    )
)
"""Servers that may evict one conversation's prompt for another's, without and with the order that avoids it."""
