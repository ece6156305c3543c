"""
The data of pictures and documents, taken out of a body before it is decoded, and put back while it is sent.

Data is most of a large body, and nothing has to read it: it is base64, which JSON never escapes.  A call that decodes,
copies, hashes or encodes 20 MB stops all other work for 10 to 25 ms, and a request needs a dozen of them.  So the data
stays in the pieces in which it has arrived, and a short mark that follows from its content stands in its place: equal
data has equal marks, in the next turn too, so requests are compared and cached as if it were there.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from msgspec import Struct

from anyclaude.errors import RequestTooLarge

from .slices import SLICE_BYTES, slices

MAX_TEXT_BYTES = 6 * 1024 * 1024
"""All of a body but its data: 1.5 million tokens of text, half as many again as the largest window in use has."""

MIN_DATA_BYTES = 64 * 1024
"""Shorter data stays where it is.  It is longer than a slice, so that none begins and ends within one."""

MARK = "anyclaude-data-"
DIGEST_BYTES = 32
MARK_LENGTH = len(MARK) + 2 * DIGEST_BYTES

BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-_"

_KEY = b'"data"'
_VALUE = re.compile(rb'"data"[ \t\r\n]{0,16}:[ \t\r\n]{0,16}"')
_VALUE_BYTES = len(b'"data":"') + 2 * 16


class Data(Struct, frozen=True, eq=False):
    """Base64 in the pieces in which it has arrived; equal if it has the same digest."""

    digest: str
    pieces: tuple[bytes, ...]

    def __eq__(self, other: object) -> bool:
        """Return whether the other has the same content."""
        return isinstance(other, Data) and self.digest == other.digest

    def __hash__(self) -> int:
        """Return the hash of the content."""
        return hash(self.digest)

    @property
    def size(self) -> int:
        """The bytes of the base64."""
        return sum(map(len, self.pieces))


DetachedData: TypeAlias = Mapping[str, Data]
"""Data by the mark that stands in its place."""

NO_DATA: DetachedData = {}


class RequestBody(Struct, frozen=True):
    """A body in the pieces in which it has arrived; `key` makes marks that no client can write, secret and random."""

    pieces: tuple[bytes, ...]
    key: bytes = b""

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return sum(map(len, self.pieces))

    def detached(self) -> tuple[bytes, DetachedData]:
        """
        Return the JSON with a mark in place of each value of a key `data` that is long and base64, and that data.

        Raises:
            RequestTooLarge: when it has more than `MAX_TEXT_BYTES` besides.
        """
        detaching = _Detaching(self.key)
        for piece in self.pieces:
            for part in slices(piece):
                detaching.feed(part)
        return detaching.finish()


class _Detaching:
    """A body of which a part has been read: in a value that may be data, or in what is not."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._text: list[bytes] = []
        self._text_bytes = 0
        self._data: dict[str, Data] = {}
        self._value: list[bytes] | None = None
        self._before = b""
        """The end of what was read, in which the beginning of a value may lie."""

    def feed(self, piece: bytes) -> None:
        piece, self._before = self._before + piece, b""
        at = 0
        while at < len(piece):
            at = self._in_text(piece, at) if self._value is None else self._in_value(self._value, piece, at)

    def finish(self) -> tuple[bytes, DetachedData]:
        for rest in (*(self._value or ()), self._before):
            self._add_text(rest)
        return b"".join(self._text), self._data

    def _in_text(self, piece: bytes, at: int) -> int:
        """Take the text from a position up to a value, and return where it begins."""
        key = piece.find(_KEY, at)
        while key >= 0:
            found = _VALUE.match(piece, key)
            quote = key + 1 if found is None else piece.find(b'"', found.end())
            if found is not None and quote < 0:
                self._add_text(piece[at : found.end()])
                self._value = []
                return found.end()
            key = piece.find(_KEY, quote)
        end = max(at, len(piece) - _VALUE_BYTES)
        self._add_text(piece[at:end])
        self._before = piece[end:]
        return len(piece)

    def _in_value(self, value: list[bytes], piece: bytes, at: int) -> int:
        """Take a value from a position up to its end, and return where that is."""
        quote = piece.find(b'"', at)
        end = len(piece) if quote < 0 else quote
        part = piece[at:end]
        value.append(part)
        is_data = not part.translate(None, BASE64)
        if is_data and quote < 0:
            return end
        self._value = None
        if is_data and sum(map(len, value)) >= MIN_DATA_BYTES:
            self._add_data(tuple(filter(None, value)))
        else:
            for text in value:
                self._add_text(text)
        return end

    def _add_data(self, pieces: tuple[bytes, ...]) -> None:
        data = data_of(pieces, self._key)
        self._data[data.digest] = data
        self._add_text(data.digest.encode())

    def _add_text(self, text: bytes) -> None:
        self._text_bytes += len(text)
        if self._text_bytes > MAX_TEXT_BYTES:
            raise too_much_text()
        self._text.append(text)


def data_of(pieces: tuple[bytes, ...], key: bytes) -> Data:
    """Return base64 with the mark that stands for it; `key` is that of `RequestBody`."""
    digest = hashlib.blake2b(key=key, digest_size=DIGEST_BYTES)
    for piece in pieces:
        digest.update(piece)
    return Data(MARK + digest.hexdigest(), pieces)


def too_much_text() -> RequestTooLarge:
    """Return the refusal of a body that is large without being data."""
    return RequestTooLarge(
        f"the request has more than {MAX_TEXT_BYTES:,} bytes besides the base64 of its images and documents: no "
        "model's window holds as much"
    )


def certain_text_bytes(piece: bytes) -> int:
    """
    Return how much of a piece of a body is no data, at least: found at the speed of a search for a few characters.

    Between two quotes that are closer to each other than data is long, none lies; nor is any around a blank or a
    backslash.
    """
    size = 0
    for start in range(0, len(piece), SLICE_BYTES):
        end = min(start + SLICE_BYTES, len(piece))
        first = piece.find(b'"', start, end)
        if first >= 0:
            size += piece.rfind(b'"', start, end) - first
        elif piece.find(b" ", start, end) >= 0 or piece.find(b"\\", start, end) >= 0:
            size += end - start
    return size


def attached(body: bytes, data: DetachedData) -> Iterator[bytes]:
    """Yield JSON with the data in place of its marks, in short pieces."""
    position = 0
    for start, found in _marks(body, data):
        yield from slices(body, position, start)
        yield from found.pieces
        position = start + MARK_LENGTH
    yield from slices(body, position, len(body))


def attached_size(body: bytes, data: DetachedData) -> int:
    """Return the length of what `attached` yields."""
    return len(body) + sum(found.size - MARK_LENGTH for _, found in _marks(body, data))


def text_of(text: str, data: DetachedData) -> str:
    """Return the data for which a text stands, and any other text as it is."""
    found = data.get(text)
    return text if found is None else b"".join(found.pieces).decode()


def size_of(text: str, data: DetachedData) -> int:
    """Return the length of what `text_of` returns."""
    found = data.get(text)
    return len(text) if found is None else found.size


def pieces_of(text: str, data: DetachedData) -> tuple[bytes, ...]:
    """Return the data for which a text stands, and any other text as one piece."""
    found = data.get(text)
    return (text.encode(errors="replace"),) if found is None else found.pieces


def has_mark(text: str) -> bool:
    """Return whether data was in a text."""
    return MARK in text


def _marks(body: bytes, data: DetachedData) -> Iterator[tuple[int, Data]]:
    """Yield the positions of the marks in a body, and what they stand for."""
    start = body.find(MARK.encode()) if data else -1
    while start >= 0:
        found = data.get(body[start : start + MARK_LENGTH].decode(errors="replace"))
        if found is not None:
            yield start, found
        start = body.find(MARK.encode(), start + (1 if found is None else MARK_LENGTH))
