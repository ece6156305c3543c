"""Warns of variables that begin with `ANYCLAUDE_` and set nothing: `ANYCLAUDE_MDOE`."""

from collections.abc import Iterator, Mapping

from anyclaude.profiles import PROFILES

from .setting import PREFIX, variable_named
from .spelling import nearest_name
from .table import SETTINGS
from .values import Settings


def unknown_variables(environment: Mapping[str, str], settings: Settings) -> Iterator[str]:
    """
    Yield a warning for each variable that looks like a setting and is none, with what may be meant.

    It is no error: a setting of a newer release may be in the user's profile, and other programs may use the prefix.
    """
    named = {variable_named(name) for setting in SETTINGS for name in (setting.name, *setting.old_names)}
    known = named | {profile.api_key_variable for profile in PROFILES if profile.api_key_variable}
    known |= {fallback.api_key_variable for fallback in settings.fallbacks if fallback.api_key_variable}
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in known and environment[name]:
            yield f"there is no setting {name}; {_meant(name)}"


def _meant(name: str) -> str:
    near = nearest_name(name.removeprefix(PREFIX), (setting.name for setting in SETTINGS))
    return f"did you mean {variable_named(near)}?" if near else "it is ignored"
