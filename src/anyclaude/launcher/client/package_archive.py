"""The archive of an npm package that contains one program: a tar file, compressed with gzip."""

import os
import tarfile
import zlib
from pathlib import Path, PurePosixPath
from shutil import copyfileobj

BLOCK = 512
"""Headers and contents begin at multiples of this (POSIX, pax)."""

GZIP = 31
"""The argument by which `zlib` reads the format of gzip."""

PROGRAM_MODE = 0o700
CHUNK_BYTES = 1 << 18


def program_size(head: bytes, name: str) -> int | None:
    """Return the size of the program, in bytes, if its header stands in the beginning of the archive."""
    try:
        unpacked = zlib.decompressobj(GZIP).decompress(head, CHUNK_BYTES)
        start = 0
        while start + BLOCK <= len(unpacked):
            header = tarfile.TarInfo.frombuf(unpacked[start : start + BLOCK], "utf-8", "replace")
            if _is_program(header, name):
                return header.size
            start += BLOCK * (1 + -(-header.size // BLOCK))
    except (zlib.error, tarfile.HeaderError):
        return None  # `unpack_program` will say what is wrong
    return None


def unpack_program(archive: Path, target: Path) -> Path:
    """
    Copy the program of the name of `target` out of an archive, and return `target`; nothing else is unpacked.

    Raises:
        ValueError: when the archive is damaged or contains no such program.
        OSError: when the file cannot be written.
    """
    try:
        with tarfile.open(archive, "r:gz") as members:
            member = next((member for member in members if _is_program(member, target.name)), None)
            content = None if member is None else members.extractfile(member)
            if content is None:
                raise ValueError("contains no program")
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PROGRAM_MODE)
            with os.fdopen(descriptor, "wb") as file:
                copyfileobj(content, file, CHUNK_BYTES)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise ValueError("is damaged") from error
    return target


def _is_program(member: tarfile.TarInfo, name: str) -> bool:
    """Return whether this is the program, which lies in the one folder that an npm package consists of."""
    path = PurePosixPath(member.name)
    return member.isreg() and len(path.parts) == 2 and path.name == name
