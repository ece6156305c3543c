"""
Bounds on what the JSON of a request or a reply consists of, checked at the speed of a copy before it is decoded.

A decoder needs a hundred times as long for a megabyte of empty lists as for one of text, and one call of it stops all
other work of the process.  No conversation comes near the bounds: one of a million tokens has 4 MB of text in some
thousands of blocks, with a few keys each.  Pictures and documents are long runs of base64, which cost next to nothing.
"""

import msgspec
from msgspec import Struct

from anyclaude.errors import RequestTooLarge

UNCHECKED_BYTES = 128 * 1024
"""A body up to this size cannot take long, whatever it consists of: 0.02 s for 43,000 empty lists, in a thread."""

MAX_TEXT_BYTES = 6 * 1024 * 1024
"""All of a body but its base64: 1.5 million tokens of text, half as many again as the largest window in use has."""

MAX_CONTAINERS = 50_000
"""Objects and lists, which take 0.02 s to decode; ten thousand blocks and a hundred tools have fewer."""

MAX_KEYS = 80_000
"""Keys of all objects; one that occurs once takes 0.5 us to decode."""

MAX_VALUES = 200_000
"""Items of lists and fields of objects in one event of a reply, by the commas behind them: as many numbers take 0.01 s
to decode, and the 128,000 tokens that the client requests at most would not have as many with one for each."""

MAX_FIELD_BYTES = 128 * 1024
"""A field of a request that is decoded in one call: all but the turns, the tools and the instructions.  The largest in
use is the schema of a reply, with some kilobytes."""

PIECE_BYTES = 64 * 1024
"""What is looked at in one call, about 0.3 ms; also the shortest run that is taken for base64."""

IN_PARTS = frozenset({"messages", "tools", "system"})
"""The fields that are decoded part by part."""

MAX_COUNTED_BYTES = 1024 * 1024
"""What is counted in one call, about 1 ms."""

BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-_"


_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])


class JsonContents(Struct, frozen=True):
    """What the JSON of a body consists of."""

    text_bytes: int
    containers: int
    keys: int
    values: int


def check_bounds(body: bytes) -> None:
    """
    Check that a body can be decoded within a moment.

    Raises:
        RequestTooLarge: when it has too many objects, lists or keys, or too much text.
    """
    if len(body) <= UNCHECKED_BYTES:
        return
    if len(body) > MAX_TEXT_BYTES or not _has_few_marks(body):
        _check_contents(body)
    _check_fields(body)


def is_bounded(event: bytes) -> bool:
    """Return whether what a server has sent at once can be decoded within a moment, whatever it is."""
    if len(event) <= UNCHECKED_BYTES:
        return True
    found = contents_of(event)
    return found.containers <= MAX_CONTAINERS and found.keys <= MAX_KEYS and found.values <= MAX_VALUES


def _check_contents(body: bytes) -> None:
    contents = contents_of(body)
    if contents.text_bytes > MAX_TEXT_BYTES:
        raise RequestTooLarge(
            f"the request has {contents.text_bytes:,} bytes besides its base64, and the gateway takes "
            f"{MAX_TEXT_BYTES:,}: no model's window holds as much"
        )
    for count, limit, what in (
        (contents.containers, MAX_CONTAINERS, "objects and lists"),
        (contents.keys, MAX_KEYS, "keys"),
    ):
        if count > limit:
            raise RequestTooLarge(f"the request consists of more than {limit:,} {what}")


def _has_few_marks(body: bytes) -> bool:
    """Return whether the bounds are kept even if every bracket and colon counts, those in the text too."""
    starts = range(0, len(body), MAX_COUNTED_BYTES)
    containers, keys = (
        sum(body.count(mark, start, start + MAX_COUNTED_BYTES) for mark in marks for start in starts)
        for marks in ((b"{", b"["), (b":",))
    )
    return containers <= MAX_CONTAINERS and keys <= MAX_KEYS


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
    text_bytes = containers = keys = values = position = 0
    is_in_string = False
    while position < len(body):
        if is_in_string and (end := _end_of_base64(body, position)) > position:
            position = end
            continue
        end = _end_of_piece(body, position)
        piece = body[position:end].replace(rb"\\", b"").replace(rb"\"", b"")
        parts = piece.split(b'"')
        outside = b"".join(parts[is_in_string::2])
        is_in_string ^= len(parts) % 2 == 0
        text_bytes += end - position
        containers += outside.count(b"{") + outside.count(b"[")
        keys += outside.count(b":")
        values += outside.count(b",")
        if text_bytes > MAX_TEXT_BYTES or containers > MAX_CONTAINERS or keys > MAX_KEYS:
            break
        position = end
    return JsonContents(text_bytes, containers, keys, values)


def _end_of_base64(body: bytes, start: int) -> int:
    """Return where a run of base64 ends that fills a piece at least, `start` if there is none."""
    end = start
    while (piece := body[end : end + PIECE_BYTES]) and len(piece) == PIECE_BYTES and not piece.translate(None, BASE64):
        end += PIECE_BYTES
    return end


def _end_of_piece(body: bytes, start: int) -> int:
    """Return the end of a piece that does not end within an escape."""
    end = min(start + PIECE_BYTES, len(body))
    piece = body[start:end]
    escapes = len(piece) - len(piece.rstrip(b"\\"))
    return min(end + escapes % 2, len(body))
