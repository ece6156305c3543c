"""The folders for files that can be fetched or computed again."""

from pathlib import Path

from platformdirs import user_cache_path

from anyclaude.settings import Settings


def cache_folder(settings: Settings) -> Path:
    """Return the user's cache folder for anyclaude: the one that was set, else the system's."""
    return settings.cache_dir or user_cache_path("anyclaude")


def slot_snapshots_folder(settings: Settings) -> Path:
    """Return the folder for snapshots of the embedded engine's slot."""
    return cache_folder(settings) / "kept-states"
