"""JSON as typed values, and the one place where bytes become them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias, cast

import msgspec

JsonValue: TypeAlias = "bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
JsonObject: TypeAlias = Mapping[str, JsonValue]
Container: TypeAlias = dict[str, JsonValue] | list[JsonValue]

MAX_DEPTH = 128
"""Objects and arrays may nest this deep.  The real client's tool schemas stay under 20; overflow needs thousands."""


class JsonError(ValueError):
    """These bytes are not JSON we accept; the text says why, in a few words."""


def decode_json(body: bytes, max_depth: int = MAX_DEPTH) -> JsonValue:
    """
    Parse one JSON document; raises `JsonError` for bad syntax, bad UTF-8 and excessive depth.

    Half a surrogate pair, which is what JavaScript leaves of an emoji that it cuts in two, becomes
    U+FFFD: one of them in its history would get a client refused for the rest of its session.
    """
    try:
        value = _parsed(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise JsonError(str(error)) from error
    except RecursionError as error:
        raise JsonError("nested too deeply") from error
    if _deeper_than(value, max_depth):
        raise JsonError(f"nested deeper than {max_depth} levels")
    return value


def encode_json(value: JsonValue) -> bytes:
    """Return the compact JSON of `value`, keys in the order they stand in."""
    return msgspec.json.encode(value)


def _parsed(body: bytes) -> JsonValue:
    try:
        return cast(JsonValue, msgspec.json.decode(body))
    except msgspec.DecodeError:
        mended = _ESCAPES.sub(_without_half_pair, body)
        if mended == body:
            raise
        return cast(JsonValue, msgspec.json.decode(mended))


_ESCAPES = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[dD][89a-fA-F][0-9a-fA-F]{2}|.)", re.DOTALL
)
"""Every escape, so that none is taken to begin in the middle of another: a pair, half a pair, or any other."""

HALF_PAIR_BYTES = len(rb"\ud83d")


def _without_half_pair(escape: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if len(escape[0]) == HALF_PAIR_BYTES else escape[0]


def _deeper_than(value: JsonValue, limit: int) -> bool:
    """Walk level by level, so that the check itself cannot overflow the stack."""
    level = _containers_in([[value]])
    for _ in range(limit):
        if not level:
            return False
        level = _containers_in(level)
    return bool(level)


def _containers_in(level: Iterable[Container]) -> list[Container]:
    """Return the containers directly inside these.  Every request is walked through in full: hence exact types."""
    inside: list[Container] = []
    for container in level:
        for value in container.values() if isinstance(container, dict) else container:
            if type(value) is dict or type(value) is list:
                inside.append(value)
    return inside
