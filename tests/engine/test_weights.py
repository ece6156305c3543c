"""What a reference to a model means."""

from pathlib import Path

import pytest

from anyclaude.engine.hub import HubModel
from anyclaude.engine.progress import NullProgress
from anyclaude.engine.weights import DEFAULT_WEIGHTS, locate_model, parse_reference
from anyclaude.errors import InvalidSetting


def test_an_existing_file_is_itself(tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.touch()

    assert parse_reference(str(file)) == file


@pytest.mark.parametrize("reference", ["/nowhere/model.gguf", "./model.gguf", "~/model", "models/tiny.gguf"])
def test_a_path_to_nothing_is_refused(reference: str) -> None:
    with pytest.raises(InvalidSetting, match="does not exist"):
        parse_reference(reference)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match="is a folder"):
        parse_reference(str(tmp_path))


@pytest.mark.parametrize(
    ("reference", "meant"),
    [
        ("org/repo-GGUF", HubModel("org/repo-GGUF")),
        ("org/repo-GGUF:Q4_K_M", HubModel("org/repo-GGUF", "Q4_K_M")),
        ("org/repo:sub/file.Q8_0.gguf", HubModel("org/repo", "sub/file.Q8_0.gguf")),
    ],
)
def test_a_repository_may_name_a_file_or_a_quantization(reference: str, meant: HubModel) -> None:
    assert parse_reference(reference) == meant


@pytest.mark.parametrize("reference", ["", "model", "https://example.org/model", "a/b/c", "org/repo:"])
def test_what_is_neither_is_refused(reference: str) -> None:
    with pytest.raises(InvalidSetting, match=r"neither a GGUF file nor|is a folder"):
        parse_reference(reference)


async def test_the_default_weights_are_used_without_the_network_once_they_are_there(tmp_path: Path) -> None:
    file = tmp_path / "models" / DEFAULT_WEIGHTS.file_name
    file.parent.mkdir()
    with file.open("wb") as content:
        content.truncate(DEFAULT_WEIGHTS.size_bytes)

    assert await locate_model(None, tmp_path, NullProgress()) == file
