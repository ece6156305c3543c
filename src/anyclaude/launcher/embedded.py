"""The embedded engine as the server of a run: its weights, its options, and the target that it becomes."""

import secrets
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from msgspec import structs

from anyclaude.backends import BackendTarget, fitted_to_template
from anyclaude.backends.stdlib_backend import StdlibBackend
from anyclaude.engine import Progress
from anyclaude.engine.embedded import EmbeddedEngine, start_engine
from anyclaude.engine.identity import engine_identity, state_format
from anyclaude.engine.library import require_library
from anyclaude.engine.unused_gpus import Gpu, install_command, present_gpus, unused_because, unused_gpus
from anyclaude.engine.weights import locate_model
from anyclaude.profiles import DEMONSTRATION, EMBEDDED
from anyclaude.secret import Secret
from anyclaude.settings import Settings
from anyclaude.storage import make_own_folder

from .folders import cache_folder, slot_snapshots_folder
from .servers import OwnEngine
from .tuning import engine_options, with_tuned


@asynccontextmanager
async def running_engine(
    settings: Settings, progress: Progress, say: Callable[[str], None]
) -> AsyncIterator[OwnEngine]:
    """
    Run the engine for the duration of the context, after its weights are fetched if need be.

    Raises:
        EngineFailed: when the engine is not installed, does not start, or its log cannot be written.
    """
    require_library()
    model_file = await locate_model(settings.model, cache_folder(settings), progress)
    draft = settings.draft_model and await locate_model(settings.draft_model, cache_folder(settings), progress)
    given = replace(
        engine_options(settings),
        draft_model=str(draft) if draft else None,
        slot_save_folder=_prepared_folder(slot_snapshots_folder(settings)),
    )
    options = with_tuned(settings, given, model_file)
    key = secrets.token_urlsafe(24)
    async with start_engine(model_file, settings.log_dir / "logs", progress, api_key=key, options=options) as engine:
        if settings.context_tokens is None and engine.context_tokens < engine.trained_tokens:
            say(
                f"anyclaude: the window is {engine.context_tokens:,} tokens, as memory allows, of the "
                f"{engine.trained_tokens:,} the model was trained for. --context-tokens sets it."
            )
        target = await fitted_to_template(StdlibBackend(engine_target(engine, settings, present_gpus())))
        if options != given:
            target = structs.replace(target, computed_on=f"{engine.computed_on}, tuned")
        yield OwnEngine(target, engine, engine_identity(model_file, engine.context_tokens, state_format(options)))


def engine_target(engine: EmbeddedEngine, settings: Settings, gpus: Iterable[Gpu] = ()) -> BackendTarget:
    """Return the running engine as a target; `gpus` are the machine's, and those it should use and cannot are noted."""
    return BackendTarget(
        profile=EMBEDDED if settings.model else DEMONSTRATION,
        base_url=f"{engine.base_url}/v1",
        model=engine.model_name,
        models=settings.models,
        api_key=Secret(engine.api_key),
        context_tokens=engine.context_tokens,
        parallel_requests=engine.slots,
        computed_on=engine.computed_on,
        notes=tuple(_unused(gpu) for gpu in unused_gpus(gpus, engine.devices) if gpu.has_own_memory),
    )


def _unused(gpu: Gpu) -> str:
    """Return what the user should know of a graphics card that is not used."""
    return f"{unused_because(gpu)}. To install one that can: `{install_command(gpu)}`"


def _prepared_folder(folder: Path) -> str | None:
    """Return a folder for slot snapshots that the engine may write to, `None` if there can be none."""
    try:
        make_own_folder(folder)
    except OSError:
        return None
    return str(folder)
