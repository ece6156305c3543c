"""A model reference is a path, a Hugging Face repository, or an error."""

from pathlib import Path

import pytest
from tests.parts.null_progress import NullProgress

from anyclaude.engine.hub import HubModel
from anyclaude.engine.weights import DEFAULT_WEIGHTS, locate_model, parse_reference
from anyclaude.errors import InvalidSetting


def test_an_existing_file_is_returned(tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.touch()

    assert parse_reference(str(file)) == file


@pytest.mark.parametrize("reference", ["/nowhere/model.gguf", "./model.gguf", "~/model", "models/tiny.gguf"])
def test_a_path_without_a_file_is_refused(reference: str) -> None:
    with pytest.raises(InvalidSetting, match="does not exist"):
        parse_reference(reference)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match="is a folder"):
        parse_reference(str(tmp_path))


@pytest.mark.parametrize(
    ("reference", "model"),
    [
        ("org/repo-GGUF", HubModel("org/repo-GGUF")),
        ("org/repo-GGUF:Q4_K_M", HubModel("org/repo-GGUF", "Q4_K_M")),
        ("org/repo:sub/file.Q8_0.gguf", HubModel("org/repo", "sub/file.Q8_0.gguf")),
    ],
)
def test_a_repository_may_name_a_file_or_a_quantization(reference: str, model: HubModel) -> None:
    assert parse_reference(reference) == model


@pytest.mark.parametrize("reference", ["", "model", "https://example.org/model", "a/b/c", "org/repo:"])
def test_a_reference_that_is_neither_is_refused(reference: str) -> None:
    with pytest.raises(InvalidSetting, match=r"neither a GGUF file nor|is a folder"):
        parse_reference(reference)


async def test_existing_default_weights_are_used_without_the_network(tmp_path: Path) -> None:
    file = tmp_path / "models" / DEFAULT_WEIGHTS.file_name
    file.parent.mkdir()
    with file.open("wb") as content:
        content.truncate(DEFAULT_WEIGHTS.size_bytes)

    assert await locate_model(None, tmp_path, NullProgress()) == file
