"""The model files that are on this machine already: those below anyclaude's cache, and in Hugging Face's."""

from collections.abc import Iterator, Mapping
from pathlib import Path


def cached_models(cache: Path, environment: Mapping[str, str]) -> Iterator[tuple[Path, int]]:
    """Yield each file of weights with its size in bytes, in the order of their names."""
    for folder in (cache / "models", hub_cache(environment)):
        for file in sorted(folder.glob("*.gguf" if folder.name == "models" else "models--*/snapshots/*/**/*.gguf")):
            if file.is_file():
                yield file, file.stat().st_size


def hub_cache(environment: Mapping[str, str]) -> Path:
    """Return the folder of Hugging Face's cache, as its library finds it (docs: Environment variables)."""
    if named := environment.get("HF_HUB_CACHE"):
        return Path(named).expanduser()
    home = Path(environment.get("HOME") or Path.home())
    caches = Path(environment.get("XDG_CACHE_HOME") or home / ".cache")
    return Path(environment.get("HF_HOME") or caches / "huggingface").expanduser() / "hub"


def is_cached(reference: str, files: Mapping[Path, int]) -> bool:
    """Return whether a file of Hugging Face's cache is one that `ORG/REPO:QUANTIZATION` names."""
    repository, _, quantization = reference.partition(":")
    folder = f"models--{repository.replace('/', '--')}"
    return any(folder in file.parts and quantization.casefold() in file.name.casefold() for file in files)
