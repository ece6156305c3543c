"""
Changes to a profile that a server's own refusals have taught.

A profile describes a kind of server.  One server, or one of its models, may refuse what its kind accepts: a field, a
role, a name.  Its refusal says what to send instead; that is an `Amendment`, and every later request is encoded with
the amended profile.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TypeAlias

import msgspec
from msgspec import Struct

from .base import BackendProfile, FieldRange

MAX_REASON_CHARACTERS = 300
"""The part of a refusal that is kept with its amendment: its first sentences."""


Change: TypeAlias = tuple[str, bool | int | str | FieldRange]
"""A quirk and its new value."""


class Amendment(Struct, frozen=True):
    """
    One quirk of a profile, its new value, and the server's words that taught it.

    `value` is the value of the field `quirk`; a field that holds several values gets it as one more.
    """

    quirk: str
    value: bool | int | str | FieldRange
    because: str = ""

    def is_same_change(self, other: "Amendment") -> bool:
        """Return whether both change the same quirk to the same value, whatever the words."""
        return self.quirk == other.quirk and self.value == other.value

    @property
    def change(self) -> str:
        """The change, for people to read: `omitted_fields: stream_options`."""
        if not isinstance(self.value, FieldRange):
            return f"{self.quirk}: {self.value}"
        ends = [
            f"{word} {end:g}"
            for word, end in (("from", self.value.lowest), ("to", self.value.highest))
            if end is not None
        ]
        return f"{self.quirk}: {self.value.name} {' '.join(ends) or ' or '.join(self.value.values)}"


def amended(profile: BackendProfile, amendments: Iterable[Amendment]) -> BackendProfile:
    """Return the profile with the amendments, in their order; those of a release with other quirks change nothing."""
    return _amended(profile, tuple(amendments))


@lru_cache(maxsize=64)  # every request needs the profile of its model
def _amended(profile: BackendProfile, amendments: tuple[Amendment, ...]) -> BackendProfile:
    fields = msgspec.to_builtins(profile)
    for amendment in amendments:
        if amendment.quirk not in BackendProfile.__struct_fields__:
            continue
        before, value = fields[amendment.quirk], msgspec.to_builtins(amendment.value)
        after = _with_item(before, value) if isinstance(before, list | tuple) else value
        try:
            profile = msgspec.convert({**fields, amendment.quirk: after}, BackendProfile)
        except msgspec.ValidationError:
            continue
        fields[amendment.quirk] = after
    return profile


def _with_item(items: Iterable[object], item: object) -> list[object]:
    """Return the items with one more; what is said of a field's range is added to what an earlier one says."""
    if not isinstance(item, Mapping):
        return [one for one in items if one != item] + [item]
    before = [one for one in items if isinstance(one, Mapping)]
    same = next((one for one in before if one["name"] == item["name"]), {})
    stated = {name: value for name, value in item.items() if value not in (None, (), [])}
    return [*(one for one in before if one["name"] != item["name"]), {**same, **stated}]
