"""
The models that the user named, as the server names them.

A name is checked against the server's list, where it has one.  The client's own words (`sonnet`, `default`) and the
names of Anthropic's models are no names of a local server, unless it lists them: then the server's own model is used.
"""

import re
from collections.abc import Mapping

from msgspec import Struct

from anyclaude.backends import BackendTarget, ServerFacts
from anyclaude.errors import InvalidSetting
from anyclaude.model_names import client_word, close_names, listed_name, without_window_mark

MAX_LISTED = 12
"""A longer list is not written out: it would hide the suggestion."""


class NamedModels(Struct, frozen=True):
    """The model of the run and those of the tiers, as far as they were named; `notes` are for the user."""

    model: str | None
    models: dict[str, str]
    notes: tuple[str, ...] = ()


def named_models(
    model: str | None, models: Mapping[str, str], target: BackendTarget, facts: ServerFacts, *, is_checked: bool
) -> NamedModels:
    """
    Return the server's names for the models that the user named; one that it may not have is noted.

    Raises:
        InvalidSetting: when `is_checked`, and the server has no model of a name.
    """
    settings = {target.model_setting: model} if model else {}
    settings |= {f"--{tier}-model": name for tier, name in models.items()}
    found: dict[str, str] = {}
    notes: list[str] = []
    for setting, written in settings.items():
        name = _server_name(written, target, facts)
        if name is not None:
            found[setting] = name
        elif client_word(written) is None:
            found[setting] = without_window_mark(written)
            notes.append(_checked(found[setting], setting, target, facts, is_checked=is_checked))
    tiers = {tier: found[setting] for tier in models if (setting := f"--{tier}-model") in found}
    return NamedModels(found.get(target.model_setting), tiers, tuple(notes))


def weights_named(model: str | None) -> str | None:
    """Return the weights that the embedded engine is to run, `None` for its own if only the client knows the name."""
    return None if model is None or client_word(model) else without_window_mark(model)


def _server_name(written: str, target: BackendTarget, facts: ServerFacts) -> str | None:
    """Return the server's own spelling of a name, or a name that it takes as it is; `None` if it does not have it."""
    name = without_window_mark(written)
    if not facts.names:
        return None if client_word(name) else name
    marks = re.escape(target.profile.variant_marks)
    if (own := listed_name(name, facts.names)) is not None or not marks:
        return own
    base = re.split(f"[{marks}]", name, maxsplit=1)[0]
    if base != name:
        return name if not base or listed_name(base, facts.names) else None
    variants = {other for other in facts.names if re.split(f"[{marks}]", other, maxsplit=1)[0] == name}
    return variants.pop() if len(variants) == 1 else None


def _checked(name: str, setting: str, target: BackendTarget, facts: ServerFacts, *, is_checked: bool) -> str:
    """Return a note about a name that is not in the server's list; raises `InvalidSetting` where that is an error."""
    where, profile = f"{target.profile.title} at {target.address}", target.profile
    names = profile.model_names
    if names == "listed" or facts.is_router:
        sentence = f"{where} has no model {name} ({setting}). {_advice(name, target, facts)}"
        if is_checked:
            raise InvalidSetting(sentence)
        return sentence
    if names == "any":
        return f"{where} answers under any name, so {name} ({setting}) means the model that it runs: {_default(facts)}"
    return f"{where} does not list {name} ({setting}); it is asked for it all the same. {_advice(name, target, facts)}"


def _advice(name: str, target: BackendTarget, facts: ServerFacts) -> str:
    """Return the names that may have been meant, those that there are if they are few, and how to list them."""
    close = close_names(name, facts.names)
    meant = f"Did you mean {' or '.join(close)}? " if close else ""
    few = f"It has {', '.join(facts.models)}" if 0 < len(facts.models) <= MAX_LISTED else ""
    many = "" if few else f"It has {len(facts.models)} models"
    how = target.profile.how_to_list or f"curl {target.address}/models"
    return f"{meant}{few or many}; to list them: {how}"


def _default(facts: ServerFacts) -> str:
    return facts.default_model or ", ".join(facts.models)
