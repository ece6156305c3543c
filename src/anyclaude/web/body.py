"""The body of an answer from the web: bounded in bytes, as it arrives and as it is unpacked."""

import asyncio
import zlib
from collections.abc import Iterator

from aiohttp import ClientResponse

from anyclaude.errors import AnyclaudeError

ACCEPTED_CODINGS = "gzip, deflate"
"""What `Body` unpacks; some servers send the largest pages in no other way than compressed."""

PART_BYTES = 256 * 1024
"""What is unpacked at once, which takes about a millisecond: a small piece may become megabytes."""

_DEFLATE_METHOD = 8
"""In the first byte of a zlib stream (RFC 1950, section 2.2); what has none is bare deflate, as some servers send."""


class BodyTooLarge(AnyclaudeError):
    """A body has more bytes than are read."""


class BodyGarbled(AnyclaudeError):
    """A body cannot be unpacked."""


async def read_body(response: ClientResponse, max_bytes: int) -> bytes:
    """
    Return the whole body, unpacked; not more than `max_bytes` are held.

    The session must leave it as it is (`auto_decompress=False`): aiohttp unpacks before it can be bounded.

    Raises:
        BodyTooLarge: as soon as it is certain.
        BodyGarbled: when it is not what its coding says, or of a coding that was not asked for.
    """
    if (response.content_length or 0) > max_bytes:
        raise BodyTooLarge
    unpacking = _Unpacking(response.headers.get("Content-Encoding", "").strip().lower())
    received = 0
    body = bytearray()
    async for piece in response.content.iter_any():
        received += len(piece)
        for plain in unpacking.of(piece):
            body += plain
            if len(body) > max_bytes:
                raise BodyTooLarge
            if len(plain) == PART_BYTES:
                await asyncio.sleep(0)  # others go on between two parts
        if received > max_bytes:
            raise BodyTooLarge
    unpacking.check_end()
    return bytes(body)


class _Unpacking:
    """Unpacks one body, piece by piece."""

    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._has_begun = False
        self._stream = zlib.decompressobj(31)
        if coding not in {"", "identity", "gzip", "x-gzip", "deflate"}:
            raise BodyGarbled(f"its body is compressed by {coding!r:.40}, which was not asked for")

    def of(self, piece: bytes) -> Iterator[bytes]:
        """
        Yield what a piece contains, in parts of bounded size.

        Raises:
            BodyGarbled: when it is not what the coding says.
        """
        if self._coding in {"", "identity"}:
            yield piece
            return
        if not self._has_begun and self._coding == "deflate":
            self._stream = zlib.decompressobj(15 if piece[0] & 0x0F == _DEFLATE_METHOD else -15)
        self._has_begun = True
        try:
            while piece and not self._stream.eof:
                yield self._stream.decompress(piece, PART_BYTES)
                piece = self._stream.unconsumed_tail
        except zlib.error as error:
            raise BodyGarbled(f"its body is no {self._coding}") from error

    def check_end(self) -> None:
        """
        Return if the body has been unpacked as a whole.

        Raises:
            BodyGarbled: when its end is missing.
        """
        if self._has_begun and not self._stream.eof:
            raise BodyGarbled(f"its body is cut short, as {self._coding} says")
