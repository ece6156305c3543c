"""JSON as typed values, and the one place where bytes become them."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias, cast

import msgspec

JsonValue: TypeAlias = "bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
JsonObject: TypeAlias = Mapping[str, JsonValue]

MAX_DEPTH = 128
"""Objects and arrays may nest this deep.  The real client's tool schemas stay under 20; overflow needs thousands."""


class JsonError(ValueError):
    """These bytes are not JSON we accept; the text says why, in a few words."""


def decode_json(body: bytes) -> JsonValue:
    """Parse one JSON document; raises `JsonError` for bad syntax, bad UTF-8 and excessive depth."""
    try:
        value = cast(JsonValue, msgspec.json.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise JsonError(str(error)) from error
    except RecursionError as error:
        raise JsonError("nested too deeply") from error
    if _deeper_than(value, MAX_DEPTH):
        raise JsonError(f"nested deeper than {MAX_DEPTH} levels")
    return value


def encode_json(value: JsonValue) -> bytes:
    """Return the compact JSON of `value`, keys in the order they stand in."""
    return msgspec.json.encode(value)


def _deeper_than(value: JsonValue, limit: int) -> bool:
    """Walk level by level, so that the check itself cannot overflow the stack."""
    level: list[JsonValue] = [value]
    for _ in range(limit):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return False
    return True


def _children(value: JsonValue) -> list[JsonValue]:
    """Return the containers directly inside a container."""
    inside: list[JsonValue]
    if isinstance(value, dict):
        inside = [child for child in value.values() if isinstance(child, dict | list)]
    elif isinstance(value, list):
        inside = [child for child in value if isinstance(child, dict | list)]
    else:
        inside = []
    return inside
