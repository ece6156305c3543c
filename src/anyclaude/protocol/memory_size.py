"""How much memory decoded values take: strings of other alphabets and small objects need far more than their JSON."""

from collections.abc import Sequence
from sys import getsizeof
from typing import cast

from msgspec import Struct
from msgspec.structs import astuple

from .content import NOTHING
from .json_values import JsonObject

IMMORTAL: frozenset[object] = frozenset({None, True, False, *range(-5, 257)})
"""Values of which CPython has one object each."""


def memory_size(*values: object) -> int:
    """
    Return the bytes of values with all that they refer to: JSON, our structs, and what those have cached.

    What is referred to twice counts twice.  The allocator's rounding is left out: at most 15 bytes for each object.
    """
    size = 0
    left = list(values)
    while left:
        value = left.pop()
        kind = type(value)
        if kind is str or kind is bytes:
            size += getsizeof(value) if value else 0
        elif kind is dict:
            if value is not NOTHING:
                size += getsizeof(value)
                left += cast(JsonObject, value)  # its keys, one by one, so that other threads can run
                left += cast(JsonObject, value).values()
        elif kind is list or kind is tuple:
            size += getsizeof(value) if kind is list or value else 0
            left += cast(Sequence[object], value)
        elif isinstance(value, Struct):
            size += getsizeof(value)
            left += astuple(value)
            left.append(getattr(value, "__dict__", NOTHING))
        elif value not in IMMORTAL:
            size += getsizeof(value)
    return size
