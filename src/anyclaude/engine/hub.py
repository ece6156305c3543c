"""Models in Hugging Face repositories: choosing the file to run, and downloading it."""

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import huggingface_hub  # loads its submodules, most of a second's worth, when they are first used
from tqdm import tqdm  # type: ignore[import-untyped]

from anyclaude.errors import DownloadFailed, InvalidSetting

from .progress import Progress, download_label

# The order in which to choose when the user names none.  llama.cpp's own order for `-hf` begins with Q4_K_M, the usual
# balance of size and quality; slightly lower quality follows, then ever larger files.
_PREFERRED_QUANTIZATIONS = ("Q4_K_M", "Q4_K_S", "Q4_0", "Q5_K_M", "Q6_K", "Q8_0")
_HINT = "Check its name and the network; a gated repository needs HF_TOKEN. A GGUF file's path works without a network."
# The file names of a model that gguf-split has split.
_SPLIT = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$")


@dataclass(frozen=True)
class HubModel:
    """A repository, and optionally the name of a file in it or of a quantization."""

    repository: str
    selection: str | None = None

    def __str__(self) -> str:
        return f"{self.repository}:{self.selection}" if self.selection else self.repository


@dataclass(frozen=True)
class Hub:
    """A hub's address and the cache of its files; None leaves it to huggingface_hub (HF_ENDPOINT, HF_HOME)."""

    endpoint: str | None = None
    cache: Path | None = None


async def fetch_from_hub(model: HubModel, hub: Hub, progress: Progress) -> Path:
    """
    Return the model's file, after downloading it unless the hub's cache already has it.

    For a model in several files, this is the first one.  Raises `InvalidSetting` if the repository has no such file,
    and `DownloadFailed` if the hub cannot be reached or refuses.
    """
    return await asyncio.to_thread(_fetch, model, hub, progress)


def choose_files(names: Iterable[str], selection: str | None) -> tuple[str, ...]:
    """Return the GGUF files to download, the one to load first; empty if none of `names` matches `selection`."""
    models = sorted(name for name in names if name.endswith(".gguf") and "mmproj" not in PurePosixPath(name).name)
    chosen = _choose(models, selection)
    return _all_parts(chosen, models) if chosen else ()


def _choose(models: list[str], selection: str | None) -> str | None:
    if selection is not None and selection.endswith(".gguf"):
        return selection if selection in models else None
    for quantization in (selection,) if selection else _PREFERRED_QUANTIZATIONS:
        pattern = re.compile(rf"(^|[^A-Za-z0-9]){re.escape(quantization)}([^A-Za-z0-9_]|$)", re.IGNORECASE)
        for name in models:
            if pattern.search(name):
                return name
    return models[0] if models and selection is None else None


def _all_parts(name: str, models: list[str]) -> tuple[str, ...]:
    if not (split := _SPLIT.search(name)):
        return (name,)
    stem, count = name[: split.start()], int(split.group(2))
    parts = tuple(f"{stem}-{number:05d}-of-{count:05d}.gguf" for number in range(1, count + 1))
    return parts if set(parts) <= set(models) else ()


def _fetch(model: HubModel, hub: Hub, progress: Progress) -> Path:
    if cached := _cached_file(model, hub):
        return cached
    try:
        # Not list_repo_files(): it retries for 24 seconds before it reports that the hub cannot be reached.
        info = huggingface_hub.HfApi(endpoint=hub.endpoint).model_info(model.repository)
        names = [file.rfilename for file in info.siblings or ()]
        files = choose_files(names, model.selection)
        if not files:
            raise InvalidSetting(_no_match(model, names))
        paths = [_download(model, name, hub, progress) for name in files]
    except huggingface_hub.errors.HFValidationError as error:
        raise InvalidSetting(f"{model.repository} is not the name of a Hugging Face repository: {error}") from error
    except huggingface_hub.errors.HfHubHTTPError as error:
        reason = error.server_message or error
        raise DownloadFailed(f"Hugging Face did not provide {model}: {reason}. {_HINT}") from error
    except (
        huggingface_hub.errors.HTTPError,  # type: ignore[attr-defined]  # the base class of the hub's HTTP library
        huggingface_hub.errors.XetDownloadError,
        OSError,
    ) as error:
        raise DownloadFailed(f"{model} could not be downloaded from Hugging Face: {error}. {_HINT}") from error
    return paths[0]


def _cached_file(model: HubModel, hub: Hub) -> Path | None:
    try:
        repositories = huggingface_hub.scan_cache_dir(hub.cache).repos
    except huggingface_hub.errors.CacheNotFound:
        return None
    revisions = [r for cached in repositories if cached.repo_id == model.repository for r in cached.revisions]
    for revision in sorted(revisions, key=lambda revision: revision.last_modified, reverse=True):
        paths = {
            file.file_path.relative_to(revision.snapshot_path).as_posix(): file.file_path for file in revision.files
        }
        if files := choose_files(paths, model.selection):
            return paths[files[0]]
    return None


def _no_match(model: HubModel, names: Iterable[str]) -> str:
    available = ", ".join(sorted(name for name in names if name.endswith(".gguf")))
    if not available:
        return f"{model.repository} has no GGUF file; look for a repository whose name ends in -GGUF."
    return f"{model.repository} has no file that matches {model.selection}; it has {available}."


def _download(model: HubModel, name: str, hub: Hub, progress: Progress) -> Path:
    return Path(
        huggingface_hub.hf_hub_download(
            model.repository, name, cache_dir=hub.cache, endpoint=hub.endpoint, tqdm_class=_reporting_to(progress)
        )
    )


def _reporting_to(progress: Progress) -> type[tqdm]:
    """Return a class for the hub to instantiate, which reports to `progress` instead of drawing a bar."""

    class Reporting(tqdm):  # type: ignore[misc]  # untyped, as its module
        def __init__(self, *, desc: str, total: int | None = None, initial: int = 0, **_: object) -> None:
            super().__init__(disable=True)
            self._open = True
            progress.started(download_label(desc, total), total)
            progress.advanced(initial)

        def update(self, n: float | None = 1) -> None:
            progress.advanced(int(n or 0))

        def close(self) -> None:
            if self._open:
                self._open = False
                progress.finished()

    return Reporting
