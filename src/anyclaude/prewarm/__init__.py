"""
Everything that lets a session begin warm.

A slot snapshot of the last run is restored, the prompt that the session is expected to begin with is evaluated before
the first request, and both are recorded for the next launch.  `Prewarmer` is the whole of it.
"""

from .first_prompt import LaunchKey
from .prewarmer import FirstPromptOptions, Prewarmer, PrewarmOptions
from .slot_saver import SlotSaverOptions

__all__ = ["FirstPromptOptions", "LaunchKey", "PrewarmOptions", "Prewarmer", "SlotSaverOptions"]
