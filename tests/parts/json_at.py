"""Access to nested values of decoded JSON."""

from collections.abc import Mapping, Sequence

from anyclaude.protocol.json_values import JsonValue


def at(value: JsonValue, *steps: str | int) -> JsonValue:
    """Return the value at this path of keys and indexes; fails if there is none."""
    for step in steps:
        if isinstance(step, str):
            assert isinstance(value, Mapping), f"{value!r} has no key {step!r}"
            value = value[step]
        else:
            assert isinstance(value, Sequence), f"{value!r} has no item {step}"
            value = value[step]
    return value
