"""
One launch, from the first question to the last process.

The client takes most of a second to start, and what it needs to know is its server and its gateway's address.  So the
server is found first, with few libraries; then the client starts, and the gateway is loaded meanwhile behind a socket
that already listens.
"""

import asyncio
import socket
from contextlib import AbstractAsyncContextManager, closing
from functools import partial
from importlib import import_module
from typing import Protocol

from anyclaude.bounds import CONNECTION_BACKLOG
from anyclaude.engine.machine import memory_bytes
from anyclaude.settings import Settings

from .client import (
    Client,
    ClientDiet,
    Invocation,
    child_environment,
    plan_client,
    provide_client,
    release_note,
    remove_left_over_settings,
    settings_file,
)
from .client.flags import prints
from .diet_choice import choose_diet
from .engine_monitor import monitored
from .folders import client_machine
from .forwarding import check_forwarding
from .last_server import LastServers
from .model_choice import choose_model
from .prewarming import announced_evaluation
from .run import Run
from .servers import running_servers
from .signals import Signals
from .start_lines import start_lines
from .supervise import running_client
from .terminal import Terminal

GATEWAY = "anyclaude.launcher.compose"


class GatewayOpener(Protocol):
    """The function `launch_gateway` of the module `GATEWAY`."""

    def __call__(
        self, run: Run, client: Client, diet: ClientDiet | None, listening_socket: socket.socket
    ) -> AbstractAsyncContextManager[object]:
        """Run the gateway for the duration of the context."""


async def launch(invocation: Invocation, settings: Settings, terminal: Terminal, signals: Signals) -> int:
    """Run Claude Code on the model of this run, and return its exit status."""
    machine = client_machine(settings, invocation.environment)
    client = await provide_client(machine, terminal)
    if machine.is_in_place_of_client:
        return await _run_in_place(client, invocation, settings, signals)
    if note := await release_note(machine, client):
        terminal.say(f"anyclaude: {note}")
    last_servers = LastServers(settings.log_dir)
    last = last_servers.continued(invocation.arguments, invocation.folder)
    async with (
        running_servers(
            settings, terminal, terminal.say, choose=partial(_with_model, invocation, terminal), last=last
        ) as servers,
        monitored(servers.own_engine) as monitor,
    ):
        last_servers.remember(invocation.folder, servers.main)
        run = Run(invocation, settings, servers, monitor, terminal.say, signals)
        with closing(socket.create_server(("127.0.0.1", 0), backlog=CONNECTION_BACKLOG)) as listening_socket:
            status = await _run_client(run, client, listening_socket, signals)
    if monitor.reason and not monitor.is_announced:
        terminal.say(f"anyclaude: {monitor.reason}")
    return status


async def _run_in_place(client: Client, invocation: Invocation, settings: Settings, signals: Signals) -> int:
    """
    Run the client as another anyclaude has planned it, which has the gateway, and has started a script that runs us.

    `--model` is the one flag of the plan that is also ours; it is in the plan where the environment names no model.
    """
    model = ("--model", settings.model) if settings.model and "ANTHROPIC_MODEL" not in invocation.environment else ()
    command = (*client.command, *model, *invocation.arguments)
    async with running_client(command, invocation.environment, signals) as exit_status:
        return await exit_status


async def _with_model(invocation: Invocation, terminal: Terminal, settings: Settings) -> Settings:
    """Return the settings with the embedded engine's model, for which a user at the terminal is asked."""
    ask = None if prints(invocation.arguments) else terminal.question()
    return await choose_model(settings, invocation.environment, memory_bytes(), terminal.say, ask)


async def _run_client(run: Run, client: Client, listening_socket: socket.socket, signals: Signals) -> int:
    """Start the client, then its gateway; return the client's exit status when the gateway is closed."""
    base_url = f"http://127.0.0.1:{listening_socket.getsockname()[1]}"
    check_forwarding(run.settings, run.invocation.user_settings)
    main = run.servers.main
    choice = choose_diet(run.invocation, run.settings, run.servers, client)
    diet = choice.diet if choice else None
    plan = plan_client(run.invocation, run.settings, main, base_url, is_native=client.is_native, choice=choice)
    for line in (*start_lines(run, plan), *announced_evaluation(run, client, diet), *plan.notes):
        run.say(f"anyclaude: {line.removesuffix('.')}.")
    environment = child_environment(run.invocation.environment, plan.variables)
    remove_left_over_settings(run.settings.log_dir)
    with settings_file(plan.settings, run.settings.log_dir) as file:
        command = (*client.command, *plan.arguments(file))
        async with running_client(command, environment, signals) as exit_status:
            launch_gateway: GatewayOpener = (await asyncio.to_thread(import_module, GATEWAY)).launch_gateway
            async with launch_gateway(run, client, diet, listening_socket):
                return await exit_status
