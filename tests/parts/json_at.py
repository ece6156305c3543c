"""Reach into decoded JSON."""

from collections.abc import Mapping, Sequence

from anyclaude.protocol.json_values import JsonValue


def at(value: JsonValue, *steps: str | int) -> JsonValue:
    """Return what stands at the end of these steps; fails where there is no such step."""
    for step in steps:
        if isinstance(step, str):
            assert isinstance(value, Mapping), f"{value!r} has no key {step!r}"
            value = value[step]
        else:
            assert isinstance(value, Sequence), f"{value!r} has no item {step}"
            value = value[step]
    return value
