"""`anyclaude serve`: the gateway alone, for clients that anyclaude does not start."""

import asyncio
import shlex
from typing import TextIO

from anyclaude.secret import Secret
from anyclaude.settings import Settings

from .client import Invocation, Variable, plan_client
from .compose import serving_gateway
from .engine_monitor import EngineMonitor
from .run import Run
from .servers import described, running_servers
from .terminal import Terminal


async def serve(invocation: Invocation, settings: Settings, terminal: Terminal, out: TextIO) -> None:
    """Run the gateway alone until it is cancelled, or until the engine dies, which raises `EngineFailed`."""
    async with running_servers(settings, terminal, terminal.say) as servers:
        run = Run(invocation, settings, servers, EngineMonitor(), terminal.say)
        async with serving_gateway(run) as gateway:
            plan = plan_client(invocation, settings, servers.main, gateway.base_url, is_native=True)
            lines = [
                f"anyclaude listens on {gateway.base_url} and answers from {described(servers.main)}.",
                "To use it from another terminal:",
                *(f"  {_export(variable, settings.token)}" for variable in plan.variables),
            ]
            out.writelines(f"{line}\n" for line in lines)
            out.flush()
            for note in plan.notes:
                terminal.say(f"anyclaude: {note}")
            if servers.own_engine is not None:
                await servers.own_engine.wait()
            await asyncio.Event().wait()


def _export(variable: Variable, token: Secret | None) -> str:
    """Return the line for a shell; the user's own token is referred to by its variable."""
    if variable.value is None:
        return f"unset {variable.name}"
    if variable.name == "ANTHROPIC_AUTH_TOKEN" and token is not None:
        return 'export ANTHROPIC_AUTH_TOKEN="$ANYCLAUDE_TOKEN"'
    return f"export {variable.name}={shlex.quote(variable.value)}"
