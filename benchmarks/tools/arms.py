"""The arms: the engine on its own, and anyclaude with each of its settings for tool calls."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.parts.engines import running
from tests.parts.gateway import RunningGateway, running_gateway

from anyclaude.backends import BackendTarget, fitted_to_template
from anyclaude.backends.http import HttpBackend, open_session
from anyclaude.engine import EngineOptions
from anyclaude.engine.gguf import read_metadata
from anyclaude.launcher.compose import launch_options
from anyclaude.launcher.embedded import engine_target
from anyclaude.settings import Settings
from anyclaude.tool_calls import ToolCalls


@dataclass(frozen=True, slots=True)
class Arm:
    """A way to the model; without `tool_calls` it is the engine's own `/v1/messages`."""

    title: str
    tool_calls: ToolCalls | None = None
    tool_choice: str = "auto"


DIRECT = Arm("engine alone")
ARMS = (
    DIRECT,
    Arm("anyclaude, `native`", "native"),
    Arm("anyclaude, `repaired`", "repaired"),
    Arm("anyclaude, `constrained` (default)", "constrained"),
    Arm("the same, `tool_choice: any`", "constrained", "any"),
)


@dataclass(frozen=True, slots=True)
class Way:
    """An arm that can be asked: the origin of its `/v1/messages`, the key, and the gateway if there is one."""

    arm: Arm
    origin: str
    api_key: str = "dummy"
    gateway: RunningGateway | None = None


@asynccontextmanager
async def open_ways(model_file: Path, folder: Path, options: EngineOptions) -> AsyncIterator[tuple[Way, ...]]:
    """
    Run two engines with one model: with its own template for the first arm, with anyclaude's choice for the others.

    Only one of them works at a time; an engine takes its template when it starts.
    """
    own = EngineOptions(context_tokens=options.context_tokens, chat_template=own_template(model_file))
    async with AsyncExitStack() as stack:
        alone = await stack.enter_async_context(running(model_file, folder / "alone", own))
        ours = await stack.enter_async_context(running(model_file, folder / "ours", options))
        async with open_session() as session:
            target = await fitted_to_template(HttpBackend(session, engine_target(ours, Settings())))
        ways = [Way(DIRECT, alone.base_url, alone.api_key)]
        for number, arm in enumerate(ARMS[1:]):
            gateway = await stack.enter_async_context(_gateway(folder / f"gateway-{number}", target, arm))
            ways.append(Way(arm, gateway.base_url, gateway=gateway))
        yield tuple(ways)


def own_template(model_file: Path) -> str | None:
    """Return the chat template in the model's file, `None` if there is none."""
    return read_metadata(model_file).chat_template or None


@asynccontextmanager
async def _gateway(folder: Path, target: BackendTarget, arm: Arm) -> AsyncIterator[RunningGateway]:
    """Run a gateway with the options of a launch, the default diet, and the arm's setting."""
    assert arm.tool_calls is not None
    options = launch_options(Settings(log_dir=folder, tool_calls=arm.tool_calls), "lean")
    async with running_gateway(folder, target, options=options) as gateway:
        yield gateway
