"""Which of the server's models serves a request."""

from anyclaude.backends import BackendTarget
from anyclaude.model_names import listed_name, without_window_mark

from .queue import Priority

TIERS = ("opus", "sonnet", "haiku")

VISION = "vision"
"""The entry of `BackendTarget.models` for the model that describes pictures (`exchange/picture_descriptions.py`)."""

MODEL_KEYS = {Priority.SUBAGENT: "subagent", Priority.AUXILIARY: "haiku"}
"""The entries of `BackendTarget.models` that apply to a priority, whatever model the client requests."""


def model_for(requested: str, priority: Priority, target: BackendTarget) -> str:
    """
    Return the server's name for the model that the client requested.

    A name that the server has, other than that of the configured model, is meant as it stands.  Otherwise the model
    configured for sub-agents, or the small one for auxiliary calls, comes first, then the tier that the name contains.
    What is left stands for the configured model: the client sends names such as `claude-haiku-4-5`, which no local
    server has, and other clients such as `gpt-4o`.
    """
    name = without_window_mark(requested)
    names = (target.model, *target.models.values(), *target.available_models)
    own = listed_name(name, tuple(dict.fromkeys(names)))
    if own is not None and own != target.model:
        return own
    key = MODEL_KEYS.get(priority)
    if key in target.models:
        return target.models[key]
    if own is not None:
        return own
    tier = next((tier for tier in TIERS if tier in name.lower()), None)
    return target.models.get(tier, target.model) if tier else target.model
