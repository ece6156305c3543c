"""Large bodies in slices: what is done to one of them stops other threads for a tenth of a millisecond."""

from collections.abc import Iterator

SLICE_BYTES = 32 * 1024
"""Small enough that others go on soon, and large enough that the calls for each do not count."""


def slices(body: bytes, start: int = 0, end: int | None = None) -> Iterator[bytes]:
    """Yield the bytes from `start` to `end`."""
    end = len(body) if end is None else end
    return (body[at : min(at + SLICE_BYTES, end)] for at in range(start, end, SLICE_BYTES))


def unescaped_slices(body: bytes) -> Iterator[bytes]:
    """Yield JSON in slices, none of which ends behind a backslash that escapes the next byte."""
    position = 0
    while position < len(body):
        end = min(position + SLICE_BYTES, len(body))
        piece = body[position:end]
        backslashes = len(piece) - len(piece.rstrip(b"\\"))
        position = min(end + backslashes % 2, len(body))
        yield piece + body[end:position]
