"""What is kept, and its removal."""

from pathlib import Path

import pytest

from anyclaude.errors import InvalidSetting
from anyclaude.launcher.caches import Cache, caches
from anyclaude.settings import Settings


def filled(folder: Path) -> Settings:
    """Return settings whose caches contain one file of 3 bytes in each place."""
    settings = Settings(log_dir=folder / "logs", cache_dir=folder / "cache")
    for cache in caches(settings):
        for place in cache.places:
            file = place if place.suffix else place / "inner" / "file"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"xyz")
    return settings


@pytest.mark.parametrize("name", [cache.name for cache in caches(Settings())])
def test_one_that_is_cleared_is_empty_and_the_others_are_as_before(tmp_path: Path, name: str) -> None:
    kept = {cache.name: cache for cache in caches(filled(tmp_path))}
    sizes = {other: cache.size_bytes for other, cache in kept.items()}

    kept[name].clear()

    assert all(sizes.values())
    assert {other: cache.size_bytes for other, cache in kept.items()} == sizes | {name: 0}


def test_places_that_are_not_there_are_empty_and_cleared_without_an_error(tmp_path: Path) -> None:
    for cache in caches(Settings(log_dir=tmp_path / "a", cache_dir=tmp_path / "b")):
        cache.clear()

        assert cache.size_bytes == 0


def test_what_a_link_points_to_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").write_text("x")
    (tmp_path / "cache" / "link").symlink_to(tmp_path / "elsewhere")

    Cache("x", "", (tmp_path / "cache",)).clear()

    assert (tmp_path / "elsewhere" / "file").exists()
    assert list((tmp_path / "cache").iterdir()) == []


def test_what_cannot_be_removed_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    cache = Cache("states", "", (tmp_path / ("x" * 300),))

    with pytest.raises(InvalidSetting, match="states could not be removed"):
        cache.clear()
