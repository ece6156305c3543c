"""`anyclaude --print-env`: what a client would get, and why."""

import shlex
from pathlib import Path
from typing import TextIO

from anyclaude.backends import BackendTarget
from anyclaude.profiles import EMBEDDED
from anyclaude.settings import Settings
from anyclaude.shown_text import shown_line

from .candidate import Say
from .client import Invocation, Variable, find_client, is_credential, plan_client
from .detection import find_server
from .diet_choice import choose_diet
from .folders import client_machine
from .forwarding import answered_by
from .last_server import LastServer, LastServers
from .named_models import weights_named
from .servers import Servers

FUTURE_ADDRESS = "http://127.0.0.1:<a free port>"
OWN_SETTINGS = Path("<a private file>")
"""It has the user's `--settings` too, which may contain a key."""

DEFAULT_WEIGHTS_TOKENS = 8_192
"""The window SmolLM2-135M was trained for; that of another file is known when the engine has read it."""


async def print_environment(invocation: Invocation, settings: Settings, out: TextIO) -> int:
    """Write what a client would get, and why, without starting anything."""
    client = find_client(client_machine(settings, invocation.environment))
    said: list[str] = []
    last = LastServers(settings.log_dir).continued(invocation.arguments, invocation.folder)
    target = await _expected_target(settings, last, said.append)
    is_native = client is None or client.is_native
    servers = Servers(() if target is None else (target,))
    choice = choose_diet(invocation, settings, servers, client) if client else None
    plan = plan_client(invocation, settings, target, FUTURE_ADDRESS, is_native=is_native, choice=choice)
    program = " ".join(client.command) if client else f"Claude Code {settings.claude_version}, to be installed"
    lines = [
        f"# answered by {answered_by(target, settings, invocation.user_settings)}",
        *(f"{_shown(variable)}  # {variable.reason}" for variable in plan.variables),
        f"# started: {program} {shlex.join(plan.arguments(OWN_SETTINGS))}",
        f"# {plan.diet_line}",
        *(f"# {note}" for note in (*said, *plan.notes)),
    ]
    out.writelines(f"{shown_line(line)}\n" for line in lines)
    return 0


async def _expected_target(settings: Settings, last: LastServer | None, say: Say) -> BackendTarget | None:
    """Return the server of this run; for the embedded engine, what is known of it before it starts."""
    if settings.mode == "claude":
        return None
    found = await find_server(settings, say=say, loading_seconds=0, last=last)
    if found is not None:
        return found.target
    weights = weights_named(settings.model)
    name = Path(weights).stem if weights else "SmolLM2-135M-Instruct.Q4_1"
    window = settings.context_tokens or (DEFAULT_WEIGHTS_TOKENS if weights is None else None)
    return BackendTarget(
        profile=EMBEDDED, base_url=EMBEDDED.base_url, model=name, models=settings.models, context_tokens=window
    )


def _shown(variable: Variable) -> str:
    if variable.value is None:
        return f"unset {variable.name}"
    return f"{variable.name}={'***' if is_credential(variable.name, variable.value) else variable.value}"
