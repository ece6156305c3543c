"""Where a launch keeps files."""

from pathlib import Path

import pytest

from anyclaude.launcher.folders import cache_folder, slot_snapshots_folder
from anyclaude.settings import Settings


def test_the_cache_folder_is_the_one_that_was_set() -> None:
    assert cache_folder(Settings(cache_dir=Path("/big/disk"))) == Path("/big/disk")
    assert slot_snapshots_folder(Settings(cache_dir=Path("/big/disk"))) == Path("/big/disk/kept-states")


def test_the_cache_folder_is_in_the_systems_folder_for_caches_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")

    assert cache_folder(Settings()).name == "anyclaude"
