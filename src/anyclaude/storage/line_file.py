"""An append-only file of JSON values, one on each line, which processes that run side by side can share."""

import errno
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from .private_files import open_private_append, read_private, write_private

T = TypeVar("T")


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
                write_private(self._path, _newest_within(read_private(self._path), self._max_bytes // 2))
        finally:
            if self._max_bytes is not None:
                self.close()

    def close(self) -> None:
        """Close the file; the next append opens it again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def read(self) -> Iterator[T]:
        """Yield the values, oldest first, without the lines that are incomplete or of another release."""
        try:
            file = self._path.open("rb")
        except OSError:
            return
        with file:  # read as needed: a file of 64 MB is not in memory at once
            yield from self._decoded(file)

    def read_newest_first(self) -> Iterator[T]:
        """Yield the values, newest first, without the lines that are incomplete or of another release."""
        return self._decoded(reversed(self._lines()))

    def _opened(self) -> tuple[int, int]:
        """Return the descriptor and the size of the file; one that was removed or replaced is opened again."""
        if self._descriptor is not None:
            state = os.fstat(self._descriptor)
            if state.st_nlink:
                return self._descriptor, state.st_size
            self.close()
        self._descriptor = open_private_append(self._path)
        return self._descriptor, os.fstat(self._descriptor).st_size

    def _lines(self) -> list[bytes]:
        try:
            return read_private(self._path).split(b"\n")
        except OSError:
            return []

    def _decoded(self, lines: Iterable[bytes]) -> Iterator[T]:
        decode = msgspec.json.Decoder(self._type).decode
        for line in lines:
            try:
                yield decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue


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
