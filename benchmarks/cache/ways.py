"""The two ways from a client to an engine: straight to the engine's own `/v1/messages`, and through anyclaude."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace
from tests.parts.claude_code import Order, Run, client_arguments, run_command
from tests.parts.evaluating_backend import EvaluatingBackend
from tests.parts.launched_client import Launch, run_launched, users_environment

from anyclaude.profiles import EMBEDDED, BackendProfile


@dataclass(frozen=True, slots=True)
class Way:
    """One way, and how a client is run on it."""

    title: str
    chat_template: str | None
    """What the engine is run with; `None` for the template that anyclaude gives the model."""
    run: Callable[[Launch, EvaluatingBackend, Order], Awaitable[Run]]
    cache_ram_mib: int | None = None
    """What the engine may keep of prompts that others displace; 0 for an engine that forgets them."""
    profile: BackendProfile = EMBEDDED
    """What anyclaude is told of the engine."""


async def run_directly(launch: Launch, backend: EvaluatingBackend, order: Order) -> Run:
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
    command = (*launch.client.command, *client_arguments(launch.desk, order))
    return await run_command(command, launch.desk, environment, order.timeout_seconds)


async def run_through_anyclaude(launch: Launch, backend: EvaluatingBackend, order: Order) -> Run:
    """Run a client as the launcher does, with a gateway that remembers what the last one has left."""
    return await run_launched(launch, backend.base_url, order)


STOCK_TEMPLATE = Path(__file__).with_name("stock_chatml.jinja").read_text(encoding="utf-8")

DIRECT = Way("direct", STOCK_TEMPLATE, run_directly)
THROUGH_ANYCLAUDE = Way("anyclaude", None, run_through_anyclaude)
WAYS = (DIRECT, THROUGH_ANYCLAUDE)

_FORGETFUL = replace(EMBEDDED, keeps_evicted_prompts=False)
FORGETFUL_WAYS = (
    Way("direct, engine forgets", STOCK_TEMPLATE, run_directly, 0),
    Way("anyclaude, engine forgets, order as they come", None, run_through_anyclaude, 0),
    Way("anyclaude, engine forgets", None, run_through_anyclaude, 0, _FORGETFUL),
)
"""The same against an engine that keeps no prompt it does not use, without and with the order that spares it."""
