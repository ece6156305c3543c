"""
Bounds on what the JSON of a request or a reply consists of, checked at the speed of a copy before it is decoded.

A decoder needs a hundred times as long for a megabyte of empty lists as for one of text, and one call of it stops all
other work of the process.  No conversation comes near the bounds: one of a million tokens has 4 MB of text in some
thousands of blocks, with a few keys each.  Pictures and documents are not decoded at all (`detached_data.py`).
"""

import re

import msgspec
from msgspec import Struct

from anyclaude.errors import RequestTooLarge

from .detached_data import MAX_TEXT_BYTES
from .slices import unescaped_slices

UNCHECKED_BYTES = 128 * 1024
"""A body up to this size cannot take long, whatever it consists of: 0.02 s for 43,000 empty lists, in a thread."""

MAX_CONTAINERS = 50_000
"""Objects and lists, which take 5 ms to decode; ten thousand blocks and a hundred tools have fewer."""

MAX_KEYS = 80_000
"""Keys of all objects, which take 25 ms to decode if each occurs once, and a tenth of that if they repeat."""

MAX_VALUES = 200_000
"""Items of lists and fields of objects, by the commas behind them: 10 ms."""

MAX_ESCAPES = 1_000_000
"""Backslashes, which take 7 ms; source code has one in thirty characters."""

MAX_DIGITS = 128
"""Of a number in one piece: reading one takes the square of its length, 6 MB of numbers with 4,000 digits 0.15 s."""

MAX_SHARES = 2.5
"""Each of the bounds is a share of the time that a call may take; a body that comes near to one has few of the rest."""

MAX_FIELD_BYTES = 128 * 1024
"""A field of a request that is decoded in one call: all but the turns, the tools and the instructions.  The largest in
use is the schema of a reply, with some kilobytes."""

IN_PARTS = frozenset({"messages", "tools", "system"})
"""The fields that are decoded part by part."""

MAX_COUNTED_BYTES = 1024 * 1024
"""What is counted in one call, about 1 ms."""

DIGITS = b"0123456789"
_LONG_NUMBER = re.compile(rb"[0-9]{%d}" % MAX_DIGITS)

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])


class JsonContents(Struct, frozen=True):
    """What JSON consists of; `has_long_number` if it has one that is decoded in the square of its length."""

    containers: int = 0
    keys: int = 0
    values: int = 0
    escapes: int = 0
    has_long_number: bool = False


def check_bounds(body: bytes) -> None:
    """
    Check that a body without its data can be decoded within a moment.

    Raises:
        RequestTooLarge: when it has too much of something.
    """
    if len(body) <= UNCHECKED_BYTES:
        return
    if not _has_few_marks(body):
        _check_contents(contents_of(body), len(body))
    _check_fields(body)


def is_bounded(event: bytes) -> bool:
    """Return whether what a server has sent at once can be decoded within a moment, whatever it is."""
    if len(event) <= UNCHECKED_BYTES:
        return True
    contents = contents_of(event)
    return not contents.has_long_number and all(count <= limit for count, limit, _ in _bounded(contents))


def _check_contents(contents: JsonContents, size: int) -> None:
    bounds = _bounded(contents)
    for count, limit, what in bounds:
        if count > limit:
            raise RequestTooLarge(f"the request consists of more than {limit:,} {what}")
    if contents.has_long_number:
        raise RequestTooLarge(f"the request has a number of more than {MAX_DIGITS} digits")
    if size / MAX_TEXT_BYTES + sum(count / limit for count, limit, _ in bounds) > MAX_SHARES:
        counts = ", ".join(f"{count:,} {what}" for count, _, what in bounds)
        raise RequestTooLarge(f"the request has {size:,} bytes with {counts}: too much of all at once")


def _bounded(contents: JsonContents) -> tuple[tuple[int, int, str], ...]:
    """Return what is bounded: each count, its bound, and what was counted."""
    return (
        (contents.containers, MAX_CONTAINERS, "objects and lists"),
        (contents.keys, MAX_KEYS, "keys"),
        (contents.values, MAX_VALUES, "values"),
        (contents.escapes, MAX_ESCAPES, "escaped characters"),
    )


def _has_few_marks(body: bytes) -> bool:
    """Return whether the bounds are kept by far even if the marks in the text count too."""
    containers, keys, values, escapes = (
        sum(body.count(mark, start, start + MAX_COUNTED_BYTES) for mark in marks for start in _starts(body))
        for marks in ((b"{", b"["), (b":",), (b",",), (b"\\",))
    )
    shares = containers / MAX_CONTAINERS + keys / MAX_KEYS + values / MAX_VALUES + escapes / MAX_ESCAPES
    return shares <= 1 and not _has_many_digits(body)


def _starts(body: bytes) -> range:
    return range(0, len(body), MAX_COUNTED_BYTES)


def _has_many_digits(body: bytes) -> bool:
    """Return whether there may be a long number: one has only digits between two places that are looked at."""
    step = MAX_DIGITS // 2
    return any(body[at] in DIGITS and body[at : at + step].isdigit() for at in range(0, len(body), step))


def _check_fields(body: bytes) -> None:
    """Raise `RequestTooLarge` if a field that is decoded in one call is large; invalid JSON is left to the decoder."""
    try:
        fields = _FIELDS.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    for name, raw in fields.items():
        if name not in IN_PARTS and len(memoryview(raw)) > MAX_FIELD_BYTES:
            raise RequestTooLarge(f"{name:.100}: should have at most {MAX_FIELD_BYTES:,} bytes")


def contents_of(body: bytes) -> JsonContents:
    """Return what a body consists of; it ends where a bound is passed, so the numbers may be too low beyond it."""
    contents = JsonContents()
    is_in_string = False
    for piece in unescaped_slices(body):
        parts = piece.replace(rb"\\", b"").replace(rb"\"", b"").split(b'"')
        bare = b"".join(parts[is_in_string::2])
        is_in_string ^= len(parts) % 2 == 0
        contents = JsonContents(
            contents.containers + bare.count(b"{") + bare.count(b"["),
            contents.keys + bare.count(b":"),
            contents.values + bare.count(b","),
            contents.escapes + piece.count(b"\\"),
            contents.has_long_number or _LONG_NUMBER.search(bare) is not None,
        )
        if contents.has_long_number or any(count > limit for count, limit, _ in _bounded(contents)):
            break
    return contents
