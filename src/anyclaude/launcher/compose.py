"""Builds what a run consists of, from the settings: the engine, the targets, the gateway.  Nothing else does."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from msgspec import Struct
from msgspec.structs import replace

from anyclaude.backends.target import BackendTarget
from anyclaude.backends.template_probe import fitted_to_template
from anyclaude.engine import EngineOptions, Progress
from anyclaude.engine.embedded import EmbeddedEngine, start_engine
from anyclaude.engine.identity import engine_identity
from anyclaude.engine.weights import locate_model
from anyclaude.observability.journal import Journal
from anyclaude.prewarm.first_prompt import LaunchKey
from anyclaude.prewarm.prompt_prewarmer import PrewarmOptions
from anyclaude.prewarm.slot_saver import SlotSaverOptions
from anyclaude.profiles import EMBEDDED
from anyclaude.secret import Secret
from anyclaude.server.gateway import Gateway, GatewayOptions
from anyclaude.settings import Settings
from anyclaude.storage.private_files import make_private
from anyclaude.timeouts import Timeouts
from anyclaude.transforms import Diet

from .detection import find_fallbacks, find_target
from .engine_monitor import EngineMonitor
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
    model_file = await locate_model(settings.model, settings.cache, progress)
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
        async with aiohttp.ClientSession() as session:
            target = await fitted_to_template(session, engine_target(engine, settings))
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
    if len(served.targets) > 1:
        gateway = Gateway(options, served.targets, journal)
    else:
        gateway = Gateway(options, served.targets, journal, fatal_error=watch.fatal_error)
    await gateway.start()
    try:
        yield gateway
    finally:
        loop = asyncio.get_running_loop()
        saying = loop.call_later(quiet_seconds, say, WRITING) if options.kept_state is not None else None
        try:
            await gateway.stop()
        finally:
            if saying is not None:
                saying.cancel()


def launch_options(settings: Settings, diet: Diet) -> GatewayOptions:
    """Return how the gateway of one launch listens: on a free port, on loopback, whatever `serve` would do."""
    return GatewayOptions(
        forward_to=forward_address(settings),
        memory_file=settings.log_dir / "spoken-calls.jsonl",
        prompts_folder=settings.log_dir / "prompts",
        kept_prompts=settings.kept_prompts,
        diet=diet,
        allowed_tools=settings.allowed_tools,
        queue_limit=settings.queue_limit,
        grace_seconds=LAUNCH_GRACE_SECONDS,
        timeouts=_timeouts(settings),
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
    prompts = PrewarmOptions(settings.log_dir / "first-prompts", launch_key) if settings.warm_up else None
    return replace(options, warm_up=prompts, kept_state=_kept_state(served, settings, launch_key, arguments))


def _may_cost(target: BackendTarget) -> bool:
    """Whether a server may be paid for by the token: nobody sends a key that costs money without encryption."""
    return target.profile.is_remote or not target.base_url.startswith("http://")


def slot_snapshots_folder(settings: Settings) -> Path:
    """Return where the embedded engine keeps what it has computed."""
    return settings.cache / "kept-states"


def _prepared_folder(folder: Path) -> str | None:
    """Return a folder that the engine may write to, `None` where there can be none: then nothing is kept."""
    try:
        make_private(folder)
    except OSError:
        return None
    return str(folder)


def _kept_state(
    served: Served, settings: Settings, launch_key: LaunchKey | None, arguments: Sequence[str]
) -> SlotSaverOptions | None:
    """
    Return how states are kept, `None` where they are not.

    Another's server goes on when we end, and has its cache still.  With several slots nobody tells which of them
    holds the conversation.
    """
    if served.engine is None or served.engine_identity is None or launch_key is None:
        return None
    if settings.kept_state_mib == 0 or served.engine.slots != 1:
        return None
    return SlotSaverOptions(
        folder=slot_snapshots_folder(settings),
        engine=served.engine_identity,
        launch_key=launch_key,
        limit_bytes=settings.kept_state_mib * 1024**2,
        session=continued_session(arguments),
        continues_session=continues_session(arguments),
    )


def forward_address(settings: Settings) -> str | None:
    """Return where mode `claude` forwards to."""
    return (settings.backend_url or ANTHROPIC) if settings.mode == "claude" else None


def _timeouts(settings: Settings) -> Timeouts:
    return Timeouts(
        first_byte_seconds=settings.first_byte_seconds,
        stall_seconds=settings.stall_seconds,
        finish_seconds=settings.finish_seconds,
    )
