"""The names of models that the client is given: none that it knows, and none that makes it assume a larger window."""

import re
from collections.abc import Sequence

_LARGER_WINDOW = re.compile(r"\[1m\]$", re.IGNORECASE)
_CLAUDE_NAME = re.compile(r"claude|anthropic|^(opus|sonnet|haiku|fable|mythos|default|best|opusplan)\b", re.IGNORECASE)

TIERS = frozenset({"best", "fable", "haiku", "opus", "opusplan", "sonnet"})
"""Words that the client replaces by the models of its tiers, which are ours (Claude Code 2.1.332).  `default` is not
one of them: as a name in a variable, it is sent to the server as it is."""


def without_larger_window(name: str) -> str:
    """Return a name without its `[1m]`, on which the client assumes a window of a million tokens."""
    return _LARGER_WINDOW.sub("", name.strip())


def client_name_of(model: str, tier: str) -> str:
    """
    Return the name of a model for the client.

    It must be one that the client does not know, because only then does it use the window that the environment sets.
    """
    name = without_larger_window(model)
    return f"local-{tier}" if _CLAUDE_NAME.search(name) else name


def is_tier(name: str) -> bool:
    """Return whether the client replaces a word by one of its tiers' models."""
    return name.lower() in TIERS


def usable_name(chosen: str, available: Sequence[str]) -> str | None:
    """Return the name that the user has set if it is one of the server's models, and keeps the client to the window."""
    name = without_larger_window(chosen)
    return name if name in available and not _CLAUDE_NAME.search(name) else None
