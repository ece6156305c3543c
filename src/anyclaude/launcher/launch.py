"""One launch, from the first question to the last process: engine, gateway, client up, and down in opposite order."""

import asyncio
import shlex
from pathlib import Path
from typing import TextIO

from anyclaude.backends import BackendTarget
from anyclaude.launcher.client.environment import Variable, child_environment, is_credential
from anyclaude.launcher.client.installation import Client, Machine, find_client, provide_client
from anyclaude.launcher.client.plan import Invocation, diet_of, plan_client
from anyclaude.profiles import EMBEDDED
from anyclaude.secret import Secret
from anyclaude.server import GatewayOptions
from anyclaude.settings import Settings
from anyclaude.transforms import Diet

from .compose import Served, launch_options, running_gateway, running_servers, serve_options, warmed
from .detection import find_target
from .engine_monitor import EngineMonitor, monitored
from .folders import cache_folder
from .launch_key import launch_key_of
from .signals import Signals
from .supervise import run_client
from .terminal import Terminal

PORT_TO_COME = "http://127.0.0.1:<a free port>"
DEFAULT_WEIGHTS_TOKENS = 8_192
"""The window SmolLM2-135M was trained for; what another file allows is known when the engine has read it."""


async def launch(invocation: Invocation, settings: Settings, terminal: Terminal, signals: Signals) -> int:
    """Run Claude Code on the model of this run, and return its exit status."""
    client = await provide_client(_machine(invocation, settings), terminal)
    async with (
        running_servers(settings, terminal, terminal.say) as served,
        monitored(served.engine) as watch,
        running_gateway(
            _options(invocation, settings, served, client),
            served,
            settings,
            watch,
            terminal.say,
        ) as gateway,
    ):
        target = served.targets[0] if served.targets else None
        plan = plan_client(invocation, settings, target, gateway.base_url, is_native=client.is_native)
        for note in plan.notes:
            terminal.say(f"anyclaude: {note}")
        environment = child_environment(invocation.environment, plan.variables)
        status = await run_client((*client.command, *plan.arguments), environment, signals)
    if watch.reason:
        terminal.say(f"anyclaude: {watch.reason}")
    return status


async def serve(invocation: Invocation, settings: Settings, terminal: Terminal, out: TextIO) -> None:
    """Run the gateway alone until it is cancelled, or until the engine dies, which raises `EngineFailed`."""
    async with (
        running_servers(settings, terminal, terminal.say) as served,
        running_gateway(
            warmed(serve_options(settings, _diet(invocation, settings, served)), served, settings, None),
            served,
            settings,
            EngineMonitor(),
            terminal.say,
        ) as gateway,
    ):
        target = served.targets[0] if served.targets else None
        plan = plan_client(invocation, settings, target, gateway.base_url, is_native=True)
        _write(out, f"anyclaude listens on {gateway.base_url} and answers from {_described(target)}.")
        _write(out, "To use it from another terminal:")
        for variable in plan.variables:
            _write(out, f"  {_export(variable, settings.token)}")
        for note in plan.notes:
            terminal.say(f"anyclaude: {note}")
        if served.engine is not None:
            await served.engine.wait()
        await asyncio.Event().wait()


async def print_environment(invocation: Invocation, settings: Settings, out: TextIO) -> int:
    """Write what a client would be given, and why, without starting anything."""
    client = find_client(_machine(invocation, settings))
    target = await _expected_target(settings)
    is_native = client is None or client.is_native
    plan = plan_client(invocation, settings, target, PORT_TO_COME, is_native=is_native)
    _write(out, f"# answered by {_described(target)}")
    for variable in plan.variables:
        _write(out, f"{_shown(variable)}  # {variable.reason}")
    program = " ".join(client.command) if client else f"Claude Code {settings.claude_version}, to be installed"
    _write(out, f"# started: {program} {_abbreviated(plan.arguments)}")
    for note in plan.notes:
        _write(out, f"# {note}")
    return 0


async def _expected_target(settings: Settings) -> BackendTarget | None:
    """Return the server of this run; for the embedded engine, what it will be as far as that can be told."""
    if settings.mode == "claude":
        return None
    target = await find_target(settings)
    if target is not None:
        return target
    name = Path(settings.model).stem if settings.model else "SmolLM2-135M-Instruct.Q4_1"
    window = settings.context_tokens or (DEFAULT_WEIGHTS_TOKENS if settings.model is None else None)
    return BackendTarget(
        profile=EMBEDDED, base_url=EMBEDDED.base_url, model=name, models=settings.models, context_tokens=window
    )


def _options(invocation: Invocation, settings: Settings, served: Served, client: Client) -> GatewayOptions:
    """Return how the gateway of a launch listens and begins."""
    if not served.targets:
        return launch_options(settings, "full")
    target = served.targets[0]
    diet = diet_of(invocation, settings, target, is_native=client.is_native)
    launch_key = launch_key_of(invocation, client, diet, target.model)
    return warmed(launch_options(settings, diet.gateway), served, settings, launch_key, invocation.arguments)


def _diet(invocation: Invocation, settings: Settings, served: Served) -> Diet:
    """Return what `serve` is to leave out; what goes to Anthropic's own API is never edited."""
    if not served.targets:
        return "full"
    return diet_of(invocation, settings, served.targets[0], is_native=True).gateway


def _machine(invocation: Invocation, settings: Settings) -> Machine:
    return Machine(invocation.environment, cache_folder(settings), settings.claude_version, settings.claude_path)


def _described(target: BackendTarget | None) -> str:
    if target is None:
        return "Anthropic's own API, unchanged"
    window = f", window {target.context_tokens:,} tokens" if target.context_tokens else ""
    return f"{target.profile.title}, model {target.model}{window}"


def _shown(variable: Variable) -> str:
    return f"unset {variable.name}" if variable.value is None else f"{variable.name}={_masked(variable)}"


def _masked(variable: Variable) -> str:
    return "***" if is_credential(variable) else str(variable.value)


def _abbreviated(arguments: tuple[str, ...]) -> str:
    """Show the arguments, except for the settings: the user's own are in them, and may hold a key."""
    values = (
        "{…}" if before == "--settings" else word for before, word in zip(("", *arguments), arguments, strict=False)
    )
    return shlex.join(values)


def _export(variable: Variable, token: Secret | None) -> str:
    """Return the line for a shell; a token of the user's is named, never shown."""
    if variable.value is None:
        return f"unset {variable.name}"
    if variable.name == "ANTHROPIC_AUTH_TOKEN" and token is not None:
        return 'export ANTHROPIC_AUTH_TOKEN="$ANYCLAUDE_TOKEN"'
    return f"export {variable.name}={shlex.quote(variable.value)}"


def _write(out: TextIO, line: str) -> None:
    out.write(f"{line}\n")
    out.flush()
