"""
Read a reply's body at one price per read.

A model server flushes every token as an HTTP chunk.  `StreamReader.readany` of aiohttp 3.14 removes the chunks one by
one and resumes the parser after each: 1.8 us per chunk, as much as decoding the content costs (measured on 250 chunks
of 240 bytes; read all at once they cost 0.04 us each).  So this module takes all available bytes out of the reader's
buffer at once; no other module depends on the reader's internals.

"All" has a limit, because a chunk of the content can be as large as what one system call reads, and what is decoded of
it is a multiple of it.
"""

import asyncio

from aiohttp import StreamReader

MAX_READ_BYTES = 4 * 1024
"""The most that is returned at once: a dozen or more tokens of a server that was faster than the client.  They are
decoded, filtered and encoded in a millisecond, in which no other reply goes on: a small request waits as long for each
of its dozen steps."""


async def read_available(content: StreamReader) -> bytes:
    """
    Return the available bytes, waiting for some if there are none; `b""` is the end.  Raises as `readany` does.

    If more than `MAX_READ_BYTES` are there, only as many are returned, after a turn of the event loop.
    """
    if (error := content.exception()) is not None:
        raise error
    if content.at_eof():
        return b""
    while not content._buffer and not content._eof:
        await content._wait("read_available")
    if content._size > MAX_READ_BYTES:
        await asyncio.sleep(0)
        return content.read_nowait(MAX_READ_BYTES)
    if content._buffer_offset:  # the rest of what is there
        return content.read_nowait()
    return _take_buffer(content)


def _take_buffer(content: StreamReader) -> bytes:
    pieces = content._buffer
    data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
    pieces.clear()
    if content._http_chunk_splits:
        content._http_chunk_splits.clear()
    content._size = 0
    content._cursor += len(data)
    if content._protocol._reading_paused:
        content._protocol.resume_reading()
    return data
