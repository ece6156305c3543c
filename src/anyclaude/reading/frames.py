"""
Messages between the reading process and the gateway: a head, then data in pieces.

A frame is its length, four bytes with the first the most significant, and its content.  A message is a frame with the
head in MessagePack, any number of frames of data, and an empty frame.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

import msgspec

from anyclaude.errors import UnreadableCode

LENGTH_BYTES = 4

PIECE_BYTES = 64 * 1024
"""What is written at once: about what a pipe holds."""

END = bytes(LENGTH_BYTES)


Options: TypeAlias = Mapping[str, bool | int | str | None]
"""How a file is read: the bounds of the result, the form of a picture."""


class Job(msgspec.Struct, frozen=True):
    """A file to read; its data follows, as base64 if `is_base64`."""

    kind: str
    options: Options
    is_base64: bool
    cpu_seconds: int
    """The time of a processor after which the process is killed."""


class Result(msgspec.Struct, frozen=True):
    """What was read: a value of JSON's types, and data if the result is a file."""

    value: object
    data: bytes = b""


class Read(msgspec.Struct, frozen=True, tag=True):
    """The file was read; the data of the result follows."""

    value: object


class Refused(msgspec.Struct, frozen=True, tag=True):
    """The file cannot be read."""

    code: UnreadableCode
    reason: str


Answer: TypeAlias = Read | Refused


class UnreadableFile(Exception):  # not an error of the process: it is what a kind says of a file
    """Raised by a kind: why a file cannot be read, as a part of a sentence."""

    def __init__(self, code: UnreadableCode, reason: str) -> None:
        super().__init__(reason)
        self.code: UnreadableCode = code


def message(head: Job | Answer, data: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a message in short pieces."""
    yield _frame(msgspec.msgpack.encode(head))
    for part in data:
        for start in range(0, len(part), PIECE_BYTES):
            yield _frame(part[start : start + PIECE_BYTES])
    yield END


def read_message(read: Callable[[int], bytes]) -> tuple[bytes, list[bytes]] | None:
    """Return the head and the data of the next message; `None` if what `read` reads from has ended."""
    head = _read_frame(read)
    data: list[bytes] = []
    while head is not None:
        piece = _read_frame(read)
        if not piece:
            return None if piece is None else (head, data)
        data.append(piece)
    return None


def length_of(prefix: bytes) -> int:
    """Return the length of a frame's content."""
    return int.from_bytes(prefix, "big")


def _frame(content: bytes) -> bytes:
    return len(content).to_bytes(LENGTH_BYTES, "big") + content


def _read_frame(read: Callable[[int], bytes]) -> bytes | None:
    prefix = read(LENGTH_BYTES)
    if len(prefix) < LENGTH_BYTES:
        return None
    content = read(length_of(prefix))
    return content if len(content) == length_of(prefix) else None
