"""Which of the server's models serves a request."""

from anyclaude.backends import BackendTarget

from .queue import Priority

TIERS = ("opus", "sonnet", "haiku")

MODEL_KEYS = {Priority.SUBAGENT: "subagent", Priority.AUXILIARY: "haiku"}
"""The entries of `BackendTarget.models` that apply to a priority, whatever model the client requests."""


def model_for(requested: str, priority: Priority, target: BackendTarget) -> str:
    """
    Return the server's name for the model that the client requested.

    The model configured for sub-agents, or the small one for auxiliary calls, comes first; then the tier that the
    requested name contains.  Any other name, known to the server or not, stands for the configured model: the client
    sends names such as `claude-haiku-4-5`, which no local server has.
    """
    key = MODEL_KEYS.get(priority)
    if key in target.models:
        return target.models[key]
    if requested in target.models.values():
        return requested
    tier = next((tier for tier in TIERS if tier in requested.lower()), None)
    return target.models.get(tier, target.model) if tier else target.model
