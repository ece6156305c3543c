"""What a form is: the text that opens a call or a thought, and the reader of what follows."""

from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct

from .calls import FoundCall, OfferedCalls
from .source import Reading, Source


class Found(Struct, frozen=True):
    """What was read: calls, or the beginning of a thought, or a mark without a meaning of its own."""

    calls: tuple[FoundCall, ...] = ()
    thought_ends: tuple[str, ...] = ()
    """What ends the thought that has begun."""


Reader: TypeAlias = Callable[[Source, OfferedCalls, str], Reading[Found]]
"""Reads what follows an opening, which is the last argument; raises `NotACall` as soon as it cannot be a call."""


class Form(Struct, frozen=True):
    """A form with its openings, none of which begins another form's."""

    name: str
    openings: tuple[str, ...]
    read: Reader
    is_token: bool = False
    """Whether the opening is a token of its own for the model, which does not occur in prose."""
    begins_line: bool = False
    """Whether it counts only at the beginning of a line."""
    thought_ends: tuple[str, ...] = ()
    """For a thought in tags, the tag that ends it."""
    is_mark: bool = False
    """Whether it only closes what another form has opened, and is a mark without a meaning of its own."""
