"""The labels of long steps."""

import pytest

from anyclaude.engine.progress import download_label


@pytest.mark.parametrize(
    ("total", "label"),
    [
        (92_871_040, "Downloading m.gguf (93 MB)"),
        (1_117_320_768, "Downloading m.gguf (1,117 MB)"),
        (52_000, "Downloading m.gguf (52 kB)"),
        (None, "Downloading m.gguf"),
    ],
)
def test_the_size_of_a_download_is_told_before_it_begins(total: int | None, label: str) -> None:
    assert download_label("m.gguf", total) == label
