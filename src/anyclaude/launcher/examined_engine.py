"""The embedded engine as it would run here: which devices compute, with how many layers, and which card is not used."""

from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

from msgspec import Struct

from anyclaude.engine import EngineOptions
from anyclaude.engine.cached_models import cached_models, is_cached
from anyclaude.engine.devices import Device
from anyclaude.engine.embedded import ask_devices, placement_on
from anyclaude.engine.gguf import read_metadata
from anyclaude.engine.library import LIBRARY, require_library
from anyclaude.engine.machine import usable_cores
from anyclaude.engine.placement import computed_on
from anyclaude.engine.unused_gpus import Gpu, present_gpus, unused_gpus
from anyclaude.engine.weights import DEFAULT_WEIGHTS
from anyclaude.errors import EngineFailed
from anyclaude.settings import Settings

from .folders import cache_folder
from .named_models import weights_named

GIB = 1 << 30


class ExaminedEngine(Struct, frozen=True):
    """The engine by name, sentences about it, and the graphics cards that it cannot use."""

    title: str
    facts: tuple[str, ...]
    unused: tuple[Gpu, ...] = ()


async def examined_engine(settings: Settings, environment: Mapping[str, str]) -> ExaminedEngine:
    """Return what can be said of the engine without running a model."""
    try:
        require_library()
        devices = await ask_devices(settings.log_dir / "logs")
    except EngineFailed as error:
        return ExaminedEngine("the embedded engine cannot run", (str(error),))
    return ExaminedEngine(
        f"the embedded engine, {LIBRARY} {version(LIBRARY)}",
        (*map(_described, devices), *_placed(devices, settings, environment)),
        unused_gpus(present_gpus(), devices),
    )


def _described(device: Device) -> str:
    """Return a device in words; of the processor the library reports all memory as free."""
    free, total = device.free_bytes / GIB, device.total_bytes / GIB
    memory = "" if device.kind == "processor" else f", {free:.1f} of {total:.1f} GiB free"
    return f"{device.name}: {device.description}{memory}"


def _placed(devices: tuple[Device, ...], settings: Settings, environment: Mapping[str, str]) -> Iterator[str]:
    """Yield what would compute, and how the model of this run would be laid out if its file is here."""
    file, threads = _model_file(settings, environment), usable_cores()
    if file is None:
        yield f"it computes on {computed_on(devices, None, None, threads)}"
        return
    options = EngineOptions(context_tokens=settings.context_tokens, slots=settings.parallel_requests or 1)
    try:
        model = read_metadata(file)
        placement = placement_on(devices, model, file, options)
    except (EngineFailed, OSError) as error:
        yield str(error)
    else:
        where = computed_on(devices, placement.gpu_layers, model.layers, threads)
        yield f"{file.stem}: window {placement.context_tokens:,} tokens, computed on {where}"


def _model_file(settings: Settings, environment: Mapping[str, str]) -> Path | None:
    """Return the file of the model that the engine would run, `None` if it is not on this machine yet."""
    cache, named = cache_folder(settings), weights_named(settings.model)
    if named is None:
        default = cache / "models" / DEFAULT_WEIGHTS.file_name
        return default if default.is_file() else None
    if (path := Path(named).expanduser()).is_file():
        return path
    files = cached_models(cache, environment)
    return next((file for file, size in files if is_cached(named, {file: size})), None)
