"""The two ways from a client to an engine: straight to the engine's own `/v1/messages`, and through anyclaude."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.slots import Setting
from msgspec.structs import replace
from tests.parts.claude_code import ClientTask, Run, client_arguments, run_command
from tests.parts.evaluating_backend import EvaluatingBackend
from tests.parts.launched_client import Launch, run_launched, users_environment

from anyclaude.profiles import EMBEDDED, BackendProfile, profile_named


@dataclass(frozen=True, slots=True)
class Way:
    """One way, and how a client is run on it."""

    title: str
    chat_template: str | None
    """What the engine is run with; `None` for the template that anyclaude gives the model."""
    run: Callable[[Launch, EvaluatingBackend, ClientTask], Awaitable[Run]]
    own_server: Setting | None = None
    """The llama.cpp a user runs; `None` for the embedded engine."""
    profile: BackendProfile = EMBEDDED
    """What anyclaude is told of the engine."""


async def run_directly(launch: Launch, backend: EvaluatingBackend, task: ClientTask) -> Run:
    """Run a client with its own defaults: it knows the address, the model and its window, and no more."""
    environment = {
        **users_environment(launch),
        "ANTHROPIC_BASE_URL": backend.origin,
        "ANTHROPIC_AUTH_TOKEN": "dummy",
        "ANTHROPIC_MODEL": launch.model,
        "CLAUDE_CODE_MAX_CONTEXT_TOKENS": str(launch.context_tokens),
        # Not a default, but nothing that is measured may speak to the world.
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }
    command = (*launch.client.command, *client_arguments(launch.workspace, task))
    return await run_command(command, launch.workspace, environment, task.timeout_seconds)


async def run_through_anyclaude(launch: Launch, backend: EvaluatingBackend, task: ClientTask) -> Run:
    """Run a client as the launcher does, with a gateway that remembers what the last one has left."""
    return await run_launched(launch, backend.base_url, task)


STOCK_TEMPLATE = Path(__file__).with_name("stock_chatml.jinja").read_text(encoding="utf-8")

DIRECT = Way("direct", STOCK_TEMPLATE, run_directly)
THROUGH_ANYCLAUDE = Way("anyclaude", None, run_through_anyclaude)
WAYS = (DIRECT, THROUGH_ANYCLAUDE)


_IN_ORDER = profile_named("llamacpp")
_AS_THEY_COME = replace(_IN_ORDER, keeps_evicted_prompts=True)
_DEFAULTS = Setting(slots=4, unified=True, cache_ram_mib=8192, similarity=0.1)
_NO_MEMORY = Setting(slots=1, unified=False, cache_ram_mib=0, similarity=0.1)
OWN_SERVER_WAYS = tuple(
    Way(title, None, run_through_anyclaude, setting, profile)
    for title, setting, profile in (
        ("llama-server's defaults, four at once", _DEFAULTS, replace(_IN_ORDER, parallel_requests=4)),
        ("llama-server's defaults, one by one as they come", _DEFAULTS, _AS_THEY_COME),
        ("llama-server's defaults, one by one in order", _DEFAULTS, _IN_ORDER),
        ("one slot and no memory, as they come", _NO_MEMORY, _AS_THEY_COME),
        ("one slot and no memory, in order", _NO_MEMORY, _IN_ORDER),
    )
)
"""Servers that do not surely keep a prompt that another displaces; without and with the order that spares it."""
