"""
What an administrator's settings overrule: they win over everything that anyclaude gives to the client.

Where they send the client elsewhere, a launch would look as if it worked, and the whole prompt would go to another
server.  Measured with Claude Code 2.1.332.
"""

from collections.abc import Iterator, Sequence

from anyclaude.errors import ClientOverruled

from .credentials import PROVIDERS
from .environment import LOOPBACK, Variable, is_proxied
from .user_settings import SettingsSource, UserSettings

LOGINS = ("forceLoginMethod", "forceLoginOrgUUID")
"""With one of these, the client refuses every credential but a login of that kind."""

FALSE = frozenset({"", "0", "false", "no", "off"})
"""The values of a switch that leave it off."""


def check_managed(user: UserSettings, names: Sequence[str], *, keeps_credentials: bool) -> None:
    """
    Check that no administrator's settings keep the client from the gateway, or from the model's window.

    `names` are the models of this run as the client gets them; with `keeps_credentials` (mode `claude`), a login may
    be forced.

    Raises:
        ClientOverruled: when they do.
    """
    for reason in _obstacles(user, names, keeps_credentials=keeps_credentials):
        raise ClientOverruled(
            f"the administrator's settings of Claude Code {reason}, so it would not use this gateway. "
            "They win over every other setting; only the administrator can change them"
        )


def notes_on_managed(user: UserSettings, variables: Sequence[Variable]) -> tuple[str, ...]:
    """Return what the user should know of variables that the administrator's settings overrule without harm."""
    managed = _environment(user.managed)
    return tuple(
        f"The administrator's settings set {variable.name}={managed[variable.name]}, and not {variable.value}: the "
        "client may use more than the model's window"
        for variable in variables
        if variable.name.startswith(("ANTHROPIC_", "CLAUDE_CODE_MAX_"))
        and variable.value is not None
        and managed.get(variable.name, variable.value) != variable.value
    )


def _obstacles(user: UserSettings, names: Sequence[str], *, keeps_credentials: bool) -> Iterator[str]:
    managed = _environment(user.managed)
    if managed.get("ANTHROPIC_BASE_URL"):
        yield f"name another address ({_place(user, 'ANTHROPIC_BASE_URL')}: ANTHROPIC_BASE_URL)"
    for name in PROVIDERS:
        if managed.get(name, "").lower() not in FALSE:
            yield f"choose another provider ({_place(user, name)}: {name})"
    hosts = {host.strip() for host in managed.get("no_proxy", "").split(",")}
    if managed.get("no_proxy") and is_proxied(user.environment) and not hosts & {"*", LOOPBACK[0]}:
        yield f"send its requests to a proxy ({_place(user, 'no_proxy')}: no_proxy does not name {LOOPBACK[0]})"
    if keeps_credentials:
        return
    for source in user.managed:
        for name in LOGINS:
            if source.values.get(name):
                yield f"demand a login ({source.place}: {name})"
        allowed = source.values.get("availableModels")
        if isinstance(allowed, list) and not set(names) <= set(allowed):
            yield f"allow other models only ({source.place}: availableModels)"


def _environment(sources: Sequence[SettingsSource]) -> dict[str, str]:
    return {name: value for source in sources for name, value in source.environment.items()}


def _place(user: UserSettings, name: str) -> str:
    return next(source.place for source in reversed(user.managed) if name in source.environment)
