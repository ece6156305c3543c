"""Which of the server's models a request is for."""

from anyclaude.backends.target import BackendTarget

TIERS = ("opus", "sonnet", "haiku")


def model_for(asked: str, is_subagent: bool, target: BackendTarget) -> str:
    """
    Return the server's name for the model the client asked for.

    The sub-agents' own model comes first, then the tier that the asked name contains; any other
    name, known to the server or not, means the configured model: the client leaks names such as
    `claude-haiku-4-5` that no local server has.
    """
    if is_subagent and "subagent" in target.models:
        return target.models["subagent"]
    if asked in target.models.values():
        return asked
    tier = next((tier for tier in TIERS if tier in asked.lower()), None)
    return target.models.get(tier, target.model) if tier else target.model
