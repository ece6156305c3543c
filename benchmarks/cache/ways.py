"""The two ways from a client to an engine: straight to the engine's own `/v1/messages`, and through anyclaude."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from tests.parts.claude_code import Order, Run, client_arguments, run_command
from tests.parts.evaluating_backend import EvaluatingBackend
from tests.parts.launched_client import Launch, run_launched, users_environment


@dataclass(frozen=True, slots=True)
class Way:
    """One way, and how a client is run on it."""

    title: str
    chat_template: str | None
    """What the engine is run with; `None` for the template that anyclaude gives the model."""
    run: Callable[[Launch, EvaluatingBackend, Order], Awaitable[Run]]


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
