"""The model files that are there already."""

from pathlib import Path

import pytest

from anyclaude.engine.cached_models import cached_models, hub_cache, is_cached


def test_files_of_both_caches_are_found_with_their_sizes(tmp_path: Path) -> None:
    own = tmp_path / "cache" / "models" / "a.gguf"
    shared = tmp_path / "hub" / "models--org--Repo" / "snapshots" / "1" / "part" / "b-Q4_K_M.gguf"
    for file in (own, shared, own.with_name("a.txt")):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"xyz")

    files = dict(cached_models(tmp_path / "cache", {"HF_HUB_CACHE": str(tmp_path / "hub")}))

    assert files == {own: 3, shared: 3}
    assert is_cached("org/Repo:q4_k_m", files)
    assert not is_cached("org/Repo:Q8_0", files)
    assert not is_cached("org/Other:Q4_K_M", files)


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"HOME": "/h"}, "/h/.cache/huggingface/hub"),
        ({"HOME": "/h", "XDG_CACHE_HOME": "/c"}, "/c/huggingface/hub"),
        ({"HOME": "/h", "HF_HOME": "/f"}, "/f/hub"),
        ({"HOME": "/h", "HF_HOME": "/f", "HF_HUB_CACHE": "/x"}, "/x"),
    ],
)
def test_the_hubs_cache_is_where_its_library_has_it(environment: dict[str, str], folder: str) -> None:
    assert hub_cache(environment) == Path(folder)
