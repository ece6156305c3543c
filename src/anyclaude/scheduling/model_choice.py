"""Which of the server's models a request is for."""

from anyclaude.backends import BackendTarget

from .queue import Priority

TIERS = ("opus", "sonnet", "haiku")


def model_for(asked: str, priority: Priority, target: BackendTarget) -> str:
    """
    Return the server's name for the model the client asked for.

    The sub-agents' own model and the small one for auxiliary calls come first, then the tier that the
    asked name contains; any other name, known to the server or not, means the configured model: the
    client leaks names such as `claude-haiku-4-5` that no local server has.
    """
    own = {Priority.MAIN: None, Priority.SUBAGENT: "subagent", Priority.AUXILIARY: "haiku"}[priority]
    if own in target.models:
        return target.models[own]
    if asked in target.models.values():
        return asked
    tier = next((tier for tier in TIERS if tier in asked.lower()), None)
    return target.models.get(tier, target.model) if tier else target.model
