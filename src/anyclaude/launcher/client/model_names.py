"""The names of models that the client is given: none that it knows, and none that makes it assume a larger window."""

import re
from collections.abc import Sequence

from anyclaude.model_names import CLIENT_WORDS, without_window_mark

_CLAUDE_NAME = re.compile(rf"claude|anthropic|^(mythos|{'|'.join(sorted(CLIENT_WORDS))})\b", re.IGNORECASE)

TIERS = CLIENT_WORDS - {"default"}
"""Words that the client replaces by the models of its tiers, which are ours (Claude Code 2.1.332).  `default` is not
one of them: as a name in a variable, it is sent to the server as it is."""


def client_name_of(model: str, tier: str) -> str:
    """
    Return the name of a model for the client.

    It must be one that the client does not know, because only then does it use the window that the environment sets.
    """
    name = without_window_mark(model)
    return f"local-{tier}" if _CLAUDE_NAME.search(name) else name


def is_tier(name: str) -> bool:
    """Return whether the client replaces a word by one of its tiers' models."""
    return name.lower() in TIERS


def usable_name(chosen: str, available: Sequence[str]) -> str | None:
    """Return the name that the user has set if it is one of the server's models, and keeps the client to the window."""
    name = without_window_mark(chosen)
    return name if name in available and not _CLAUDE_NAME.search(name) else None
