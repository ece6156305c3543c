"""
Prewarming: a session's first request finds most of its prompt in the engine's cache.

A slot snapshot of the last run is restored, the prompt that the session is expected to begin with is evaluated before
the first request, and both are recorded for the next launch.  `Prewarmer` does all of this.
"""

from .first_prompt_store import FirstPromptStore
from .launches import LaunchKey, LaunchTraits
from .prewarmer import FirstPromptOptions, Prewarmer, PrewarmOptions
from .slot_saver import SlotSaverOptions, snapshot_to_restore

__all__ = [
    "FirstPromptOptions",
    "FirstPromptStore",
    "LaunchKey",
    "LaunchTraits",
    "PrewarmOptions",
    "Prewarmer",
    "SlotSaverOptions",
    "snapshot_to_restore",
]
