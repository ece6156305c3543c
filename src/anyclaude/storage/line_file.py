"""An append-only file of JSON values, one on each line, which processes that run side by side can share."""

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Generic, TypeVar

import msgspec

from .private_files import open_private, open_private_append, write_private

T = TypeVar("T")

MAX_LINE_BYTES = 16 * 1024 * 1024
"""A longer line is damage, and is never in memory: a call of 1 MiB of control characters, the longest, has 6 MiB."""

BLOCK_BYTES = 1024 * 1024
"""What is read at once from the end of a file: hundreds of records."""


class LineFile(Generic[T]):
    """
    A private file of values of `type_`, oldest first.

    A file without a bound stays open from the first append until `close`; one with a bound is opened for each append.
    Another process may replace or remove either.
    """

    def __init__(self, path: Path, type_: type[T], max_bytes: int | None = None) -> None:
        """Describe the file; nothing is opened.  Beyond `max_bytes` it is cut to its newer half."""
        self._path = path
        self._type = type_
        self._max_bytes = max_bytes
        self._encode = msgspec.json.Encoder().encode
        self._descriptor: int | None = None

    def append(self, *values: T) -> None:
        """
        Append values with a single write, then apply the bound.

        A file over its bound keeps the newest lines that fit in half of it, and the last line in any case.  A line
        that another process appends while the file is cut may be lost; lines never mix.

        Raises:
            OSError: when the file cannot be written, or not completely.
        """
        lines = b"".join(self._encode(value) + b"\n" for value in values)
        descriptor, size = self._opened()
        if size and _last_byte(descriptor) != b"\n":
            lines = b"\n" + lines  # the last writer was killed within a line, or the disk was full
        try:
            if os.write(descriptor, lines) < len(lines):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
            if self._max_bytes is not None and os.fstat(descriptor).st_size > self._max_bytes:
                self._cut(self._max_bytes)
        finally:
            if self._max_bytes is not None:
                self.close()

    def close(self) -> None:
        """Close the file; the next append opens it again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def read(self) -> Iterator[T]:
        """Yield the values, oldest first, without the lines that are damaged or of another release."""
        return self._decoded(_lines)

    def read_newest_first(self) -> Iterator[T]:
        """Yield the values, newest first, without the lines that are damaged or of another release."""
        return self._decoded(_lines_backwards)

    def _opened(self) -> tuple[int, int]:
        """Return the descriptor and the size of the file; one that was removed or replaced is opened again."""
        if self._descriptor is not None:
            state = os.fstat(self._descriptor)
            if state.st_nlink:
                return self._descriptor, state.st_size
            self.close()
        self._descriptor = open_private_append(self._path)
        return self._descriptor, os.fstat(self._descriptor).st_size

    def _cut(self, max_bytes: int) -> None:
        """Keep the newest lines that fit in half of the bound."""
        with open_private(self._path) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - max(max_bytes, MAX_LINE_BYTES), 0))
            end = file.read(size - file.tell())
        write_private(self._path, _newest_within(end, max_bytes // 2))

    def _decoded(self, lines_of: Callable[[BinaryIO], Iterable[bytes]]) -> Iterator[T]:
        """Yield the values of the lines; a file that cannot be opened, or read any further, has no more."""
        decode = msgspec.json.Decoder(self._type).decode
        with suppress(OSError), open_private(self._path) as file:
            for line in lines_of(file):
                try:
                    value = decode(line)
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                    continue
                yield value


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield the lines, the first one first, without those that are too long."""
    while line := file.readline(MAX_LINE_BYTES):
        if line.endswith(b"\n") or len(line) < MAX_LINE_BYTES:
            yield line
        else:
            while (rest := file.readline(BLOCK_BYTES)) and not rest.endswith(b"\n"):
                pass


def _lines_backwards(file: BinaryIO) -> Iterator[bytes]:
    """Yield the lines, the last one first, without those that are too long."""
    position = file.seek(0, os.SEEK_END)
    line, is_too_long = b"", False
    while position:
        start = max(position - BLOCK_BYTES, 0)
        file.seek(start)
        first, *later = file.read(position - start).split(b"\n")
        position = start
        if later:
            line = later.pop() + line
            if not is_too_long and len(line) < MAX_LINE_BYTES:
                yield line
            yield from reversed(later)
            line, is_too_long = b"", False
        line = first + line
        if is_too_long or len(line) >= MAX_LINE_BYTES:
            line, is_too_long = b"", True
    if not is_too_long:
        yield line


def _last_byte(descriptor: int) -> bytes:
    """Return the last byte of a file that is not empty; writes go to its end wherever reads have got to."""
    os.lseek(descriptor, -1, os.SEEK_END)
    return os.read(descriptor, 1)


def _newest_within(content: bytes, max_bytes: int) -> bytes:
    """Return the last lines of `content` that together have at most `max_bytes`, and at least the last one."""
    content = content[: content.rfind(b"\n") + 1]  # behind it is what another process is writing
    earliest = len(content) - max_bytes
    if earliest <= 0:  # another process was faster
        return content
    last_line = content.rfind(b"\n", 0, -1) + 1
    return content[min(content.find(b"\n", earliest - 1) + 1, last_line) :]
