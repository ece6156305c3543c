"""The embedded engine's options, measured on this machine and kept for the next launches."""

import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from os import cpu_count
from pathlib import Path

from msgspec import Struct

from anyclaude.engine import EngineOptions, Progress
from anyclaude.engine.devices import computing_gpus
from anyclaude.engine.embedded import ask_devices
from anyclaude.engine.gguf import read_metadata
from anyclaude.engine.identity import engine_identity
from anyclaude.engine.library import LIBRARY, require_library
from anyclaude.engine.machine import usable_cores
from anyclaude.engine.speculation import SPECULATIONS
from anyclaude.engine.trial import Workload, try_engine
from anyclaude.engine.tuned_file import Finding, TunedFile
from anyclaude.engine.tuning import Row, Trial, TunedOptions, Tuning, candidates, tune
from anyclaude.engine.weights import locate_model
from anyclaude.errors import EngineFailed, InvalidSetting
from anyclaude.settings import Settings

from .folders import cache_folder, tuned_file

_TRIALS = 18
"""About as many as there are candidates and repetitions: each may take its part of the time."""


_SHORTEST_SECONDS = 1.0
"""The time of a trial that begins when none is left; it then fails, and nothing is chosen."""


class Subject(Struct, frozen=True):
    """What is tuned: a model, with a version of the library."""

    model_file: Path
    title: str
    engine: str


async def subject_of(settings: Settings, progress: Progress) -> Subject:
    """
    Return the model of this run, downloaded if need be.

    Raises:
        EngineFailed: when the engine is not installed.
    """
    require_library()
    file = await locate_model(settings.model, cache_folder(settings), progress)
    return Subject(file, f"{file.stem}, {LIBRARY} {version(LIBRARY)}", tuned_identity(file))


def tuned_identity(model_file: Path) -> str:
    """Return the identity of the engines that one finding is for: those of a model on this machine, with any window."""
    return engine_identity(model_file, 0, (platform.machine(), f"{usable_cores()} of {cpu_count()}"))


async def tune_engine(
    settings: Settings, subject: Subject, minutes: float, progress: Progress, say: Callable[[Row], None]
) -> Tuning:
    """
    Measure engines one after the other for some minutes at most, and keep what was clearly faster than the defaults.

    Raises:
        EngineFailed: when the engine does not start with its defaults.
        InvalidSetting: when the finding cannot be kept.
    """
    ends, logs = time.monotonic() + 60 * minutes, settings.log_dir / "logs"
    given = engine_options(settings)
    work = Workload()
    first, seconds = await try_engine(subject.model_file, given, work, logs, progress, within_seconds=60 * minutes)
    if first.failure:
        raise EngineFailed(first.failure)
    work = work.scaled(seconds, 60 * minutes / _TRIALS / 2)

    async def trial(options: TunedOptions) -> Trial:
        rest = max(ends - time.monotonic(), _SHORTEST_SECONDS)
        measured, _ = await try_engine(
            subject.model_file, options.over(given), work, logs, progress, within_seconds=rest
        )
        return measured

    devices = await ask_devices(logs)
    layers, threads = read_metadata(subject.model_file).layers, usable_cores()
    groups = tuple(candidates(cpu_count() or 1, threads, layers, has_gpu=bool(computing_gpus(devices))))
    found = await tune(groups, trial, lambda: ends - time.monotonic(), say)
    keep(settings, subject, found.chosen)
    return found


def keep(settings: Settings, subject: Subject, options: TunedOptions) -> None:
    """
    Keep the options for the next launches; none forgets those that were kept.

    Raises:
        InvalidSetting: when the file cannot be written.
    """
    try:
        TunedFile(tuned_file(settings)).keep(Finding(subject.engine, subject.model_file.name, options))
    except OSError as error:
        raise InvalidSetting(f"what was found cannot be kept: {error}") from error


def engine_options(settings: Settings) -> EngineOptions:
    """Return the options that the user has set, which tuning leaves alone."""
    return EngineOptions(
        context_tokens=settings.context_tokens,
        slots=settings.parallel_requests or 1,
        threads=settings.threads,
        kv_type=settings.kv_type,
        speculation=None if settings.speculation is None else SPECULATIONS[settings.speculation],
    )


def with_tuned(settings: Settings, options: EngineOptions, model_file: Path) -> EngineOptions:
    """Return the options with what was found for the model, where they leave a choice."""
    return TunedFile(tuned_file(settings)).options_for(tuned_identity(model_file)).over(options)
