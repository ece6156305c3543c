"""
The reading process: reads one file after the other, and ends when its standard input does.

It gets messages (`frames.py`) on its standard input, and answers each on its standard output.
"""

import logging
import os
from base64 import b64decode
from binascii import Error as BadBase64
from collections.abc import Callable
from importlib import import_module
from queue import SimpleQueue
from threading import Thread
from typing import TypeAlias, cast

import msgspec

from .confinement import allow_cpu, confine
from .frames import Answer, Job, Options, Read, Refused, Result, UnreadableFile, message, read_message

Messages: TypeAlias = SimpleQueue[tuple[bytes, list[bytes]]]

BROKEN = "it is broken, or not of the type that it is said to be"


def main() -> None:
    """Answer the messages on standard input until it ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints does not garble the answers
    logging.disable()
    confine()
    messages: Messages = SimpleQueue()
    Thread(target=_receive, args=(messages,), daemon=True).start()
    try:
        while True:
            head, pieces = messages.get()
            answer, data = _answer(msgspec.msgpack.decode(head, type=Job), pieces)
            pieces.clear()
            answers.writelines(message(answer, [data]))
            answers.flush()
    finally:
        os._exit(1)  # a usual end would wait for the other thread


def _receive(messages: Messages) -> None:
    """Pass the messages on; when there can be no more, the gateway has gone, and so does this process at once."""
    try:
        while (received := read_message(_read_input)) is not None:
            messages.put(received)
    finally:
        os._exit(0)


def _read_input(size: int) -> bytes:
    """Return so many bytes of the standard input, fewer where it ends."""
    read = bytearray()
    while len(read) < size and (piece := os.read(0, size - len(read))):
        read += piece
    return bytes(read)


def _answer(job: Job, pieces: list[bytes]) -> tuple[Answer, bytes]:
    """Return what was read of a file; whatever goes wrong in a library is the file's fault."""
    allow_cpu(job.cpu_seconds)
    try:
        data = b"".join(pieces)
        result = _kind(job.kind)(b64decode(data) if job.is_base64 else data, job.options)
    except UnreadableFile as error:
        return Refused(error.code, str(error)), b""
    except BadBase64:
        return Refused("broken", "its base64 is invalid"), b""
    except (MemoryError, RecursionError):
        return Refused("too_large", "reading it takes more memory than a file may take"), b""
    except Exception:  # noqa: BLE001  # a library fails on a broken file in any way
        return Refused("broken", BROKEN), b""
    return Read(result.value), result.data


def _kind(name: str) -> Callable[[bytes, Options], Result]:
    """Return what reads files of a kind; our own code names it, never a file."""
    module = import_module(f"anyclaude.reading.kinds.{name}")
    return cast(Callable[[bytes, Options], Result], module.read)


if __name__ == "__main__":
    main()
