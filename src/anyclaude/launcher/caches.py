"""What anyclaude keeps on the disk: where it is, how much it is, and its removal."""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from anyclaude.errors import InvalidSetting
from anyclaude.settings import Settings

from .folders import cache_folder, first_prompts_folder, learned_file, slot_snapshots_folder, speeds_file


class Cache(Struct, frozen=True):
    """One kind of what is kept; `is_log` is what is never removed unless it is named."""

    name: str
    meaning: str
    places: tuple[Path, ...]
    is_log: bool = False

    @property
    def size_bytes(self) -> int:
        """The size of all its files."""
        return sum(_size(place) for place in self.places)

    def clear(self) -> None:
        """
        Remove all of it; the folders stay.

        Raises:
            InvalidSetting: when something cannot be removed.
        """
        try:
            for place in self.places:
                _remove(place)
        except OSError as error:
            raise InvalidSetting(f"{self.name} could not be removed: {error}; check who owns the files") from error


def caches(settings: Settings) -> tuple[Cache, ...]:
    """Return everything that is kept, what can be fetched or computed again first."""
    cache, logs = cache_folder(settings), settings.log_dir
    return (
        Cache("states", "kept states of the embedded engine", (slot_snapshots_folder(settings),)),
        Cache("models", "weights that anyclaude has downloaded", (cache / "models",)),
        Cache("client", "Claude Code that anyclaude has installed", (cache / "claude-code",)),
        Cache("prompts", "stored prompts, for explain and prewarming", _prompts(settings)),
        Cache("calls", "how models wrote their tool calls", (logs / "spoken-calls.jsonl",)),
        Cache("learned", "what refusals have taught (doctor)", (learned_file(settings),)),
        Cache("speeds", "how fast servers evaluate prompts", (speeds_file(settings),)),
        Cache("logs", "the journal and log files", (logs / "request-logs", logs / "logs"), is_log=True),
    )


def _prompts(settings: Settings) -> tuple[Path, ...]:
    return (settings.log_dir / "prompts", first_prompts_folder(settings))


def _size(place: Path) -> int:
    return sum(_file_size(file) for file in _files(place))


def _files(place: Path) -> Iterator[Path]:
    if not place.is_dir():
        yield place
    for parent, _, names in os.walk(place):
        yield from (Path(parent, name) for name in names)


def _file_size(file: Path) -> int:
    with suppress(OSError):  # removed meanwhile, or never there
        return file.lstat().st_size
    return 0


def _remove(place: Path) -> None:
    if place.is_symlink() or not place.is_dir():
        place.unlink(missing_ok=True)
        return
    for inner in place.iterdir():
        if inner.is_dir() and not inner.is_symlink():
            shutil.rmtree(inner)
        else:
            inner.unlink(missing_ok=True)
