"""`anyclaude serve`: the gateway alone, for clients that anyclaude does not start."""

import asyncio
import shlex
from contextlib import suppress
from typing import TextIO

from anyclaude.backends import BackendTarget
from anyclaude.secret import Secret
from anyclaude.settings import Settings
from anyclaude.shown_text import shown_line

from .client import Invocation, Variable, environment_of_any_model, plan_client
from .compose import serving_gateway
from .engine_monitor import EngineMonitor
from .forwarding import answered_by
from .run import Run
from .servers import described, running_servers
from .terminal import Terminal


async def serve(invocation: Invocation, settings: Settings, terminal: Terminal, out: TextIO) -> None:
    """
    Run the gateway alone until it is cancelled, or until the engine dies, which raises `EngineFailed`.

    It listens at once: a chosen server that cannot be used yet is awaited, and followed when it restarts.
    """
    async with running_servers(settings, terminal, terminal.say, awaits=True) as servers:
        run = Run(invocation, settings, servers, EngineMonitor(), terminal.say)
        report = _Report(run, out)
        async with serving_gateway(run, report.server_asked) as gateway:
            report.listens(gateway.base_url)
            if servers.own_engine is not None:
                await servers.own_engine.wait()
            await asyncio.Event().wait()


class _Report:
    """What the gateway says of itself and of its servers: `out` gets what a shell or a script can use."""

    def __init__(self, run: Run, out: TextIO) -> None:
        self._run = run
        self._out = out
        self._base_url = ""

    def listens(self, base_url: str) -> None:
        """Write the address, and how a client uses it, as far as it is known."""
        self._base_url = base_url
        main = self._run.servers.main
        user, token = self._run.invocation.user_settings, self._run.settings.token
        if main is None or main.awaited_because is None:
            does, (variables, notes) = f"answers from {self._answered_by(main)}", self._client_of(main)
        else:
            does, notes = f"waits for its server: {main.awaited_because}", ()
            variables = environment_of_any_model(user, base_url)
        self._write(
            f"anyclaude listens on {base_url} and {does}.",
            "To use it from another terminal:",
            *(f"  {_export(variable, token)}" for variable in variables),
        )
        self._say(*notes)

    def server_asked(self, known: BackendTarget, present: BackendTarget) -> None:
        """Say what a server runs that was awaited, or that has changed."""
        if known.awaited_because is not None:
            self._say(f"answers come from {described(present)}")
            main = self._run.servers.main
            if main is not None and (known.base_url, known.model) == (main.base_url, main.model):
                self._write_the_rest(present)
        elif (known.model, known.context_tokens) != (present.model, present.context_tokens):
            self._say(f"the server has changed: {described(present)}")

    def _write_the_rest(self, main: BackendTarget) -> None:
        """Write what a client has to know of the model."""
        user, token = self._run.invocation.user_settings, self._run.settings.token
        early = environment_of_any_model(user, self._base_url)
        variables, notes = self._client_of(main)
        self._write(
            "For its model and window:",
            *(f"  {_export(variable, token)}" for variable in variables if variable not in early),
        )
        self._say(*notes)

    def _answered_by(self, main: BackendTarget | None) -> str:
        return answered_by(main, self._run.settings, self._run.invocation.user_settings)

    def _client_of(self, main: BackendTarget | None) -> tuple[tuple[Variable, ...], tuple[str, ...]]:
        plan = plan_client(self._run.invocation, self._run.settings, main, self._base_url, is_native=True)
        return plan.variables, plan.notes

    def _write(self, *lines: str) -> None:
        with suppress(OSError):  # the reader has gone, which is no reason to stop serving
            self._out.writelines(f"{shown_line(line)}\n" for line in lines)
            self._out.flush()

    def _say(self, *sentences: str) -> None:
        for sentence in sentences:
            self._run.say(f"anyclaude: {sentence.removesuffix('.')}.")


def _export(variable: Variable, token: Secret | None) -> str:
    """Return the line for a shell; the user's own token is referred to by its variable."""
    if variable.value is None:
        return f"unset {variable.name}"
    if variable.name == "ANTHROPIC_AUTH_TOKEN" and token is not None:
        return 'export ANTHROPIC_AUTH_TOKEN="$ANYCLAUDE_TOKEN"'
    return f"export {variable.name}={shlex.quote(variable.value)}"
