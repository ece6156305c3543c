"""Builds what a run consists of, from the settings: the engine, the targets, the gateway.  Nothing else does."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from anyclaude.backends import BackendTarget, fitted_to_template
from anyclaude.backends.http import HttpBackend, open_session
from anyclaude.engine import EngineOptions, Progress
from anyclaude.engine.embedded import EmbeddedEngine, start_engine
from anyclaude.engine.identity import engine_identity
from anyclaude.engine.weights import locate_model
from anyclaude.observability import Journal
from anyclaude.prewarm import FirstPromptOptions, LaunchKey, PrewarmOptions, SlotSaverOptions
from anyclaude.profiles import EMBEDDED
from anyclaude.secret import Secret
from anyclaude.server import Gateway, GatewayOptions, open_gateway
from anyclaude.settings import Settings
from anyclaude.storage import make_private_folder
from anyclaude.transforms import Diet

from .detection import find_fallbacks, find_target
from .engine_monitor import EngineMonitor
from .folders import cache_folder, slot_snapshots_folder
from .launch_key import continued_session, continues_session

ANTHROPIC = "https://api.anthropic.com"
LAUNCH_GRACE_SECONDS = 1.0
"""The client has ended when the gateway of a launch stops, so there is nobody left to wait for."""
SERVE_GRACE_SECONDS = 30.0
QUIET_SECONDS = 1.0
"""Nobody wonders about less at the end of a program."""
WRITING = "anyclaude: writing down what the engine has computed, for the next launch."


class Served(Struct, frozen=True):
    """The servers of a run, the first being the main one, and the engine if it is ours, with its identity."""

    targets: tuple[BackendTarget, ...]
    engine: EmbeddedEngine | None = None
    engine_identity: str | None = None


@asynccontextmanager
async def running_servers(settings: Settings, progress: Progress, say: Callable[[str], None]) -> AsyncIterator[Served]:
    """Find the server of this run, or start the embedded engine for the time of the block."""
    if settings.mode == "claude":
        yield Served(())
        return
    target = await find_target(settings)
    fallbacks = await find_fallbacks(settings, say)
    if target is not None:
        yield Served((target, *fallbacks))
        return
    model_file = await locate_model(settings.model, cache_folder(settings), progress)
    options = EngineOptions(
        context_tokens=settings.context_tokens,
        slots=settings.parallel_requests or 1,
        slot_save_folder=_prepared_folder(slot_snapshots_folder(settings)),
    )
    key = secrets.token_urlsafe(24)
    async with start_engine(model_file, settings.log_dir / "logs", progress, api_key=key, options=options) as engine:
        if settings.context_tokens is None and engine.context_tokens < engine.trained_tokens:
            say(
                f"anyclaude: the window is {engine.context_tokens:,} tokens, as memory allows, of the "
                f"{engine.trained_tokens:,} the model was trained for. --context-tokens sets it."
            )
        async with open_session(trusts_environment=False) as session:
            target = await fitted_to_template(HttpBackend(session, engine_target(engine, settings)))
        identity = engine_identity(model_file, engine.context_tokens)
        yield Served((target, *fallbacks), engine, identity)


def engine_target(engine: EmbeddedEngine, settings: Settings) -> BackendTarget:
    """Return the running engine as a target."""
    return BackendTarget(
        profile=EMBEDDED,
        base_url=f"{engine.base_url}/v1",
        model=engine.model_name,
        models=settings.models,
        api_key=Secret(engine.api_key),
        context_tokens=engine.context_tokens,
        parallel_requests=engine.slots,
    )


@asynccontextmanager
async def running_gateway(
    options: GatewayOptions,
    served: Served,
    settings: Settings,
    watch: EngineMonitor,
    say: Callable[[str], None],
    quiet_seconds: float = QUIET_SECONDS,
) -> AsyncIterator[Gateway]:
    """
    Run the gateway for the time of the block; an engine that died is no obstacle where there are fallbacks.

    Where the end takes longer than `quiet_seconds` because a state is written, that is said.
    """
    journal = Journal(settings.log_dir / "request-logs")
    fatal_error = watch.fatal_error if len(served.targets) <= 1 else _no_error
    async with AsyncExitStack() as stack:
        announce = stack.enter_context(_delayed_notice(quiet_seconds, say, WRITING))
        opened = open_gateway(options, served.targets, journal, fatal_error=fatal_error)
        gateway = await stack.enter_async_context(opened)
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
    """Return how the gateway of one launch listens: on a free port, on loopback, whatever `serve` would do."""
    return GatewayOptions(
        forward_to=forward_address(settings),
        memory_file=settings.log_dir / "spoken-calls.jsonl",
        prompts_folder=settings.log_dir / "prompts",
        stored_prompts=settings.stored_prompts,
        diet=diet,
        allowed_tools=settings.allowed_tools,
        queue_limit=settings.queue_limit,
        grace_seconds=LAUNCH_GRACE_SECONDS,
        timeouts=settings.timeouts,
    )


def serve_options(settings: Settings, diet: Diet) -> GatewayOptions:
    """Return how the gateway listens that runs alone."""
    return replace(
        launch_options(settings, diet),
        host=settings.host,
        port=settings.port,
        token=settings.token,
        allowed_origins=settings.allowed_origins,
        grace_seconds=SERVE_GRACE_SECONDS,
    )


def warmed(
    options: GatewayOptions,
    served: Served,
    settings: Settings,
    launch_key: LaunchKey | None,
    arguments: Sequence[str] = (),
) -> GatewayOptions:
    """Return the options with what is done to begin warm; servers that may be paid for are never asked in advance."""
    if not served.targets or _may_cost(served.targets[0]):
        return options
    prompts = FirstPromptOptions(settings.log_dir / "first-prompts", launch_key) if settings.prewarm else None
    slot = _slot_saver(served, settings, launch_key, arguments)
    return replace(options, prewarm=PrewarmOptions(first_prompt=prompts, slot=slot))


def _may_cost(target: BackendTarget) -> bool:
    """Whether a server may be paid for by the token: nobody sends a key that costs money without encryption."""
    return target.profile.is_remote or not target.base_url.startswith("http://")


def _prepared_folder(folder: Path) -> str | None:
    """Return a folder that the engine may write to, `None` where there can be none: then nothing is kept."""
    try:
        make_private_folder(folder)
    except OSError:
        return None
    return str(folder)


def _no_error() -> None:
    """Return that requests can still be answered."""


def _slot_saver(
    served: Served, settings: Settings, launch_key: LaunchKey | None, arguments: Sequence[str]
) -> SlotSaverOptions | None:
    """
    Return how states are kept, `None` where they are not.

    Another's server goes on when we end, and has its cache still.  With several slots nobody tells which of them
    holds the conversation.
    """
    if served.engine is None or served.engine_identity is None or launch_key is None:
        return None
    if settings.slot_snapshots_mib == 0 or served.engine.slots != 1:
        return None
    return SlotSaverOptions(
        folder=slot_snapshots_folder(settings),
        engine=served.engine_identity,
        launch_key=launch_key,
        limit_bytes=settings.slot_snapshots_mib * 1024**2,
        session=continued_session(arguments),
        continues_session=continues_session(arguments),
    )


def forward_address(settings: Settings) -> str | None:
    """Return where mode `claude` forwards to."""
    return (settings.backend_url or ANTHROPIC) if settings.mode == "claude" else None
