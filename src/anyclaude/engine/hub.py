"""Models that live in a Hugging Face repository, and which of its files is the one to run."""

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import huggingface_hub  # loads its parts, most of a second's worth, only when they are first named
from tqdm import tqdm  # type: ignore[import-untyped]

from anyclaude.errors import DownloadFailed, InvalidSetting

from .progress import Progress

# What to take when nobody says: llama.cpp's own order for `-hf` begins with Q4_K_M, the usual balance of size and
# quality; the rest goes from the next smaller harm to the next larger file.
_PREFERRED_QUANTIZATIONS = ("Q4_K_M", "Q4_K_S", "Q4_0", "Q5_K_M", "Q6_K", "Q8_0")
_HINT = "Check its name and the network; a gated repository needs HF_TOKEN. A GGUF file's path works without a network."
# gguf-split's naming of a model that comes in several files.
_SPLIT = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$")


@dataclass(frozen=True)
class HubModel:
    """A repository, and optionally the file or the quantization wanted from it."""

    repository: str
    wanted: str | None = None

    def __str__(self) -> str:
        return f"{self.repository}:{self.wanted}" if self.wanted else self.repository


@dataclass(frozen=True)
class Hub:
    """Where the hub is and where its files are kept; None is huggingface_hub's own setting (HF_ENDPOINT, HF_HOME)."""

    endpoint: str | None = None
    cache: Path | None = None


async def fetch_from_hub(model: HubModel, hub: Hub, progress: Progress) -> Path:
    """
    Return the model's file, downloading it only if the hub's own cache does not have it yet.

    Of a model in several files the first one is returned.  Raises InvalidSetting if the repository has no such
    file, DownloadFailed if it cannot be reached.
    """
    return await asyncio.to_thread(_fetch, model, hub, progress)


def choose_files(names: Iterable[str], wanted: str | None) -> tuple[str, ...]:
    """Return the GGUF files of a repository to fetch, the one to load first; empty if none of them fits `wanted`."""
    models = sorted(name for name in names if name.endswith(".gguf") and "mmproj" not in PurePosixPath(name).name)
    fitting = _fitting(models, wanted)
    return _with_its_other_parts(fitting, models) if fitting else ()


def _fitting(models: list[str], wanted: str | None) -> str | None:
    if wanted is not None and wanted.endswith(".gguf"):
        return wanted if wanted in models else None
    for quantization in (wanted,) if wanted else _PREFERRED_QUANTIZATIONS:
        pattern = re.compile(rf"(^|[^A-Za-z0-9]){re.escape(quantization)}([^A-Za-z0-9_]|$)", re.IGNORECASE)
        for name in models:
            if pattern.search(name):
                return name
    return models[0] if models and wanted is None else None


def _with_its_other_parts(name: str, models: list[str]) -> tuple[str, ...]:
    if not (split := _SPLIT.search(name)):
        return (name,)
    stem, count = name[: split.start()], int(split.group(2))
    parts = tuple(f"{stem}-{number:05d}-of-{count:05d}.gguf" for number in range(1, count + 1))
    return parts if set(parts) <= set(models) else ()


def _fetch(model: HubModel, hub: Hub, progress: Progress) -> Path:
    if kept := _in_cache(model, hub):
        return kept
    try:
        # Not list_repo_files(): that one tries for 24 seconds before it says that the hub cannot be reached.
        described = huggingface_hub.HfApi(endpoint=hub.endpoint).model_info(model.repository)
        names = [file.rfilename for file in described.siblings or ()]
        files = choose_files(names, model.wanted)
        if not files:
            raise InvalidSetting(_nothing_fits(model, names))
        paths = [_download(model, name, hub, progress) for name in files]
    except huggingface_hub.errors.HFValidationError as error:
        raise InvalidSetting(f"{model.repository} is not the name of a Hugging Face repository: {error}") from error
    except huggingface_hub.errors.HfHubHTTPError as error:
        raise DownloadFailed(f"Hugging Face did not give {model}: {error.server_message or error}. {_HINT}") from error
    except (
        huggingface_hub.errors.HTTPError,  # type: ignore[attr-defined]  # of whichever HTTP library the hub uses
        huggingface_hub.errors.XetDownloadError,
        OSError,
    ) as error:
        raise DownloadFailed(f"{model} could not be fetched from Hugging Face: {error}. {_HINT}") from error
    return paths[0]


def _in_cache(model: HubModel, hub: Hub) -> Path | None:
    try:
        repositories = huggingface_hub.scan_cache_dir(hub.cache).repos
    except huggingface_hub.errors.CacheNotFound:
        return None
    revisions = [r for kept in repositories if kept.repo_id == model.repository for r in kept.revisions]
    for revision in sorted(revisions, key=lambda kept: kept.last_modified, reverse=True):
        paths = {
            file.file_path.relative_to(revision.snapshot_path).as_posix(): file.file_path for file in revision.files
        }
        if files := choose_files(paths, model.wanted):
            return paths[files[0]]
    return None


def _nothing_fits(model: HubModel, names: Iterable[str]) -> str:
    available = ", ".join(sorted(name for name in names if name.endswith(".gguf")))
    if not available:
        return f"{model.repository} holds no GGUF file; look for a repository whose name ends in -GGUF."
    return f"{model.repository} holds nothing that fits {model.wanted}; it has {available}."


def _download(model: HubModel, name: str, hub: Hub, progress: Progress) -> Path:
    return Path(
        huggingface_hub.hf_hub_download(
            model.repository, name, cache_dir=hub.cache, endpoint=hub.endpoint, tqdm_class=_reporting_to(progress)
        )
    )


def _reporting_to(progress: Progress) -> type[tqdm]:
    """The hub reports through a class that it makes itself; this one passes on what it hears and draws nothing."""

    class Reporting(tqdm):  # type: ignore[misc]  # untyped, as its module
        def __init__(self, *, desc: str, total: int | None = None, initial: int = 0, **_: object) -> None:
            super().__init__(disable=True)
            self._open = True
            progress.started(f"Downloading {desc}", total)
            progress.advanced(initial)

        def update(self, n: float | None = 1) -> None:
            progress.advanced(int(n or 0))

        def close(self) -> None:
            if self._open:
                self._open = False
                progress.finished()

    return Reporting
