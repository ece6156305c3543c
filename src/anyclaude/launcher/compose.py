"""Builds the gateway of a run from its settings and its servers; nothing else does."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import TypeAlias

from msgspec.structs import replace

from anyclaude.backends import BackendTarget
from anyclaude.diet import Diet
from anyclaude.errors import InvalidSetting
from anyclaude.exchange import ExchangeListener
from anyclaude.freed_memory import collect_seldom
from anyclaude.observability.journal import Journal
from anyclaude.prewarm import LaunchKey
from anyclaude.server import Gateway, GatewayOptions, is_loopback, open_gateway
from anyclaude.settings import Settings
from anyclaude.web.options import KEY_VARIABLES, WebOptions

from .client import Client, ClientDiet, diet_of
from .detection import AskAgain
from .folders import learned_file, speeds_file
from .forwarding import forward_address, forward_way
from .prewarming import key_of, prewarm_options
from .print_mode import watched
from .run import Run

LAUNCH_GRACE_SECONDS = 1.0
"""When the gateway of a launch stops, its client has ended, and no request is waiting."""
SERVE_GRACE_SECONDS = 30.0
NOTICE_SECONDS = 1.0
"""A program that takes longer to end reports why."""
SAVING = "anyclaude: saving what the engine has computed, for the next launch."


@asynccontextmanager
async def launch_gateway(
    run: Run, client: Client, diet: ClientDiet | None, listening_socket: socket.socket
) -> AsyncIterator[Gateway]:
    """
    Run the gateway of a launch for the duration of the context; its client connects to `listening_socket`.

    `diet` is the one that the client was started with, `None` in mode `claude`.
    """
    main = run.servers.main
    if main is None or diet is None:
        options = _forwarding(launch_options(run.settings, "full"), run)
    else:
        key = key_of(run, client, diet, main)
        options = with_prewarming(launch_options(run.settings, diet.gateway), run, key)
        options = replace(options, ask_again=run.servers.ask_again)
    late: list[str] = []  # until the client has ended, the terminal is its own
    async with watched(run, sys.stderr) as watch:
        options = replace(options, listening_socket=listening_socket, asks_for_progress=watch.asks_for_progress)
        try:
            async with running_gateway(options, run, say_of_logs=late.append, listeners=watch.listeners) as gateway:
                yield gateway
        finally:
            for text in late:
                run.say(text)


Announce: TypeAlias = Callable[[BackendTarget, BackendTarget], None]
"""Called with what was known of a server, and with what it runs now, when it was asked again."""


@asynccontextmanager
async def serving_gateway(run: Run, announce: Announce) -> AsyncIterator[Gateway]:
    """Run the gateway of `anyclaude serve` for the duration of the context."""
    main = run.servers.main

    def diet_for(target: BackendTarget) -> Diet:
        return diet_of(run.invocation, run.settings, target, is_native=True).diet.gateway

    options = serve_options(run.settings, "full" if main is None else diet_for(main))
    if main is None:
        options = _forwarding(options, run)
    ask_again = tuple(_announced(ask, announce) for ask in run.servers.ask_again)
    options = replace(with_prewarming(options, run, None), ask_again=ask_again, diet_for=diet_for)
    async with running_gateway(options, run) as gateway:
        yield gateway


def _announced(ask_again: AskAgain, announce: Announce) -> AskAgain:
    async def ask(known: BackendTarget) -> BackendTarget:
        present = await ask_again(known)
        announce(known, present)
        return present

    return ask


@asynccontextmanager
async def running_gateway(
    options: GatewayOptions,
    run: Run,
    notice_seconds: float = NOTICE_SECONDS,
    say_of_logs: Callable[[str], None] | None = None,
    listeners: Iterable[ExchangeListener] = (),
) -> AsyncIterator[Gateway]:
    """
    Run a gateway for the duration of the context; if the engine dies, fallbacks answer.

    `say_of_logs` gets a sentence if the log can no longer be written; by default it is said at once.  If closing the
    gateway takes longer than `notice_seconds` because a slot snapshot is saved, a notice is written.
    """
    settings = run.settings
    journal = Journal(settings.log_dir / "request-logs" if settings.keeps_logs else None, say_of_logs or run.say)
    fatal_error = run.monitor.fatal_error if len(run.servers.targets) <= 1 else _no_error
    async with AsyncExitStack() as stack:
        announce = stack.enter_context(_delayed_notice(notice_seconds, run.say, SAVING))
        opened = open_gateway(options, run.servers.targets, journal, fatal_error=fatal_error, listeners=listeners)
        gateway = await stack.enter_async_context(opened)
        collect_seldom()  # the gateway's libraries are loaded
        if options.prewarm.slot is not None:
            stack.callback(announce)  # called first when the block ends: from then on the gateway closes
        yield gateway


@contextmanager
def _delayed_notice(seconds: float, say: Callable[[str], None], text: str) -> Iterator[Callable[[], None]]:
    """Yield a function that says `text` unless the block ends within `seconds` of its call."""
    timers: list[asyncio.TimerHandle] = []
    try:
        yield lambda: timers.append(asyncio.get_running_loop().call_later(seconds, say, text))
    finally:
        for timer in timers:
            timer.cancel()


def launch_options(settings: Settings, diet: Diet) -> GatewayOptions:
    """Return the options of a launch: a free port on loopback, whatever `serve` would use."""
    return GatewayOptions(
        memory_file=settings.log_dir / "spoken-calls.jsonl",
        learned_file=learned_file(settings),
        speeds_file=speeds_file(settings),
        prompts_folder=settings.log_dir / "prompts",
        stored_prompts=settings.stored_prompts,
        diet=diet,
        tool_calls=settings.tool_calls,
        allowed_tools=settings.allowed_tools,
        repeated_calls=settings.repeated_calls,
        endless_reply=settings.endless_reply,
        web=web_options(settings),
        queue_limit=settings.queue_limit,
        memory_bytes=settings.memory_mib * 1024**2,
        grace_seconds=LAUNCH_GRACE_SECONDS,
        timeouts=settings.timeouts,
    )


def web_options(settings: Settings) -> WebOptions:
    """Return what the gateway may do on the web; the key is that of the chosen provider only."""
    provider = settings.web_search
    variable = KEY_VARIABLES.get(provider or "")
    key = None if variable is None else settings.web_search_key or settings.keys.get(variable)
    return WebOptions(search=provider, search_key=key, fetches=settings.web_fetch, network=settings.network)


def serve_options(settings: Settings, diet: Diet) -> GatewayOptions:
    """Return the options of a gateway that runs alone."""
    return replace(
        launch_options(settings, diet),
        host=settings.host,
        port=settings.port,
        token=settings.token,
        allowed_hosts=settings.allowed_hosts,
        allowed_origins=settings.allowed_origins,
        grace_seconds=SERVE_GRACE_SECONDS,
    )


def _forwarding(options: GatewayOptions, run: Run) -> GatewayOptions:
    """
    Return the options of mode `claude`, which forwards every request.

    Raises:
        InvalidSetting: when it would forward to itself, as in a shell in which the client's address is exported.
    """
    user = run.invocation.user_settings
    address = forward_address(run.settings, user)
    if address.port_number == options.port and is_loopback(address.host):
        raise InvalidSetting(
            f"{address.origin} is the address of this gateway itself, so it cannot forward there; "
            "unset ANTHROPIC_BASE_URL, or set --backend-url"
        )
    return replace(
        options,
        forward_to=address.written,
        forward_way=forward_way(run.settings, user),
    )


def with_prewarming(options: GatewayOptions, run: Run, launch_key: LaunchKey | None) -> GatewayOptions:
    """Return the options with the run's prewarming."""
    return replace(options, prewarm=prewarm_options(run, launch_key))


def _no_error() -> None:
    """Return that requests can still be answered."""
