"""Where anyclaude keeps its files: those that can be fetched or computed again, and what it has learned."""

import os
from collections.abc import Mapping
from pathlib import Path

from platformdirs import user_cache_path

from anyclaude.settings import Settings

from .client import Machine


def cache_folder(settings: Settings) -> Path:
    """Return the user's cache folder for anyclaude: the one that was set, else the system's."""
    return settings.cache_dir or user_cache_path("anyclaude")


def slot_snapshots_folder(settings: Settings) -> Path:
    """Return the folder for snapshots of the embedded engine's slot."""
    return cache_folder(settings) / "kept-states"


def learned_file(settings: Settings) -> Path:
    """Return the file of what the refusals of servers have taught."""
    return settings.log_dir / "learned.jsonl"


def speeds_file(settings: Settings) -> Path:
    """Return the file of how fast servers evaluate prompts."""
    return settings.log_dir / "evaluation-speeds.jsonl"


def tuned_file(settings: Settings) -> Path:
    """Return the file of the engine options that were measured to be fastest."""
    return settings.log_dir / "tuned.jsonl"


def first_prompts_folder(settings: Settings) -> Path:
    """Return the folder of the prompts that sessions began with."""
    return settings.log_dir / "first-prompts"


def client_machine(settings: Settings, environment: Mapping[str, str]) -> Machine:
    """Return where the client is looked for, and where it is installed if there is none."""
    return Machine(
        environment,
        cache_folder(settings),
        settings.claude_version,
        settings.claude_path,
        network=settings.network,
        parent=os.getppid(),
    )
