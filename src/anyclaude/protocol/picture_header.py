"""What the first bytes of a picture tell: its type and its size, without decoding it."""

import re
from binascii import Error as BadBase64
from binascii import a2b_base64
from collections.abc import Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from .detached_data import DetachedData, pieces_of, size_of

HEAD_BYTES = (1024, 256 * 1024)
"""The base64 that is read, at first and if that is not enough: a JPEG has its size behind the data of the camera, which
has at most four segments of 64 KiB in practice."""

Order: TypeAlias = Literal["big", "little"]

_URL_ALPHABET = bytes.maketrans(b"-_", b"+/")


class PictureHeader(Struct, frozen=True):
    """The type of a picture, and its size in pixels: 0 where it is not known."""

    media_type: str
    width: int = 0
    height: int = 0


def header_of(data: str, detached: DetachedData) -> PictureHeader | None:
    """Return the header of a picture in base64, `None` if it is none of a known type."""
    pieces = pieces_of(data, detached)
    found = None
    for limit in HEAD_BYTES:
        found = read_header(_decoded_head(pieces, limit))
        if found is None or found.width or size_of(data, detached) < limit:
            break
    return found


def file_bytes(data: str, detached: DetachedData) -> int:
    """Return the size of the file that base64 stands for, to within two bytes."""
    return size_of(data, detached) * 3 // 4


def read_header(head: bytes) -> PictureHeader | None:
    """Return the header in the first bytes of a file, `None` if it is no picture of a known type."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):  # PNG, 5.2 and 11.2.1
        return PictureHeader("image/png", *_sizes(head, 16, 4, "big"))
    if head.startswith(b"\xff\xd8\xff"):
        return PictureHeader("image/jpeg", *_jpeg_size(head))
    if head.startswith((b"GIF87a", b"GIF89a")):
        return PictureHeader("image/gif", *_sizes(head, 6, 2, "little"))
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return PictureHeader("image/webp", *_webp_size(head))
    if head.startswith(b"BM") and len(head) > 26:
        width, height = (abs(int.from_bytes(head[at : at + 4], "little", signed=True)) for at in (18, 22))
        return PictureHeader("image/bmp", width, height)
    if head.startswith((b"II*\0", b"MM\0*")):
        return PictureHeader("image/tiff")
    if head[4:8] == b"ftyp" and re.match(rb"avif|avis", head[8:12]):
        return PictureHeader("image/avif")
    return None


def _decoded_head(pieces: Sequence[bytes], limit: int) -> bytes:
    head = bytearray()
    for piece in pieces:
        head += piece[: limit - len(head)]
        if len(head) >= limit:
            break
    whole = bytes(head[: len(head) // 4 * 4]).translate(_URL_ALPHABET)
    try:
        return a2b_base64(whole)
    except BadBase64:
        return b""


def _sizes(head: bytes, at: int, length: int, order: Order) -> tuple[int, int]:
    """Return width and height, which stand behind each other."""
    if len(head) < at + 2 * length:
        return 0, 0
    return int.from_bytes(head[at : at + length], order), int.from_bytes(head[at + length : at + 2 * length], order)


def _jpeg_size(head: bytes) -> tuple[int, int]:
    """Return the size in the frame header (ITU-T T.81, B.2.2), which stands behind other segments."""
    at = 2
    while at + 9 <= len(head) and head[at] == 0xFF:
        marker = head[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            height, width = _sizes(head, at + 5, 2, "big")
            return width, height
        if marker == 0xFF:  # padding
            at += 1
            continue
        at += 2 + int.from_bytes(head[at + 2 : at + 4], "big")
    return 0, 0


def _webp_size(head: bytes) -> tuple[int, int]:
    """Return the size in the first chunk (RFC 9649, sections 2.5 to 2.7)."""
    kind = head[12:16]
    if kind == b"VP8 " and len(head) >= 30:
        width, height = _sizes(head, 26, 2, "little")
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L" and len(head) >= 25:
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X" and len(head) >= 30:
        width, height = _sizes(head, 24, 3, "little")
        return width + 1, height + 1
    return 0, 0
