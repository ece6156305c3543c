"""Reads the token counts from a reply of the Messages API, whether it is streamed or one document."""

import zlib
from collections.abc import Callable
from contextlib import suppress

import msgspec
from msgspec import Struct

from .deltas import UsageReported, reported_count
from .message_stream import merge_reports
from .sse import DEFAULT_MAX_EVENT_BYTES, EventTooLarge, SseDecoder

GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
"""The window bits with which zlib recognises either header."""


class WireUsage(Struct, frozen=True):
    """The fields of the API's usage object that the journal records."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None


class WireMessage(Struct, frozen=True):
    """The message inside `message_start`."""

    usage: WireUsage = WireUsage()


class WireEvent(Struct, frozen=True):
    """The fields of any event that may contain usage."""

    message: WireMessage | None = None
    usage: WireUsage | None = None


class UsageReader:
    """
    Reads the usage from a reply while it is forwarded; a reply that it cannot read has no usage.

    It can read the content encodings `gzip` and `deflate`.
    """

    def __init__(self, is_stream: bool, content_encoding: str = "") -> None:
        self.reported = UsageReported()
        self._is_stream = is_stream
        self._document = bytearray()
        self._sse = SseDecoder()
        self._decoder = msgspec.json.Decoder(WireEvent)
        self._decode = _decoder_of(content_encoding.strip().lower())
        self._is_unreadable = False

    def feed(self, chunk: bytes) -> None:
        """Read the next bytes of the reply."""
        if self._is_unreadable or self._decode is None:
            return
        try:
            chunk = self._decode(chunk)
        except zlib.error:
            self._is_unreadable = True
            return
        if not self._is_stream:
            self._document += chunk
            self._is_unreadable = len(self._document) > DEFAULT_MAX_EVENT_BYTES
            return
        try:
            for event in self._sse.feed(chunk):
                self._read_event(event.data)
        except (EventTooLarge, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._is_unreadable = True

    def finish(self) -> None:
        """Read a reply that is not a stream, which is possible only once it is complete."""
        if not self._is_stream and not self._is_unreadable:
            with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                self._read_event(bytes(self._document))

    def _read_event(self, data: bytes) -> None:
        if b'"usage"' not in data:
            return
        event = self._decoder.decode(data)
        usage = event.usage or (event.message.usage if event.message else WireUsage())
        cached = reported_count(usage.cache_read_input_tokens)
        created = reported_count(usage.cache_creation_input_tokens) or 0
        new = reported_count(usage.input_tokens)
        total = None if new is None else new + (cached or 0) + created
        self.reported = merge_reports(self.reported, UsageReported(total, reported_count(usage.output_tokens), cached))


def _decoder_of(content_encoding: str) -> Callable[[bytes], bytes] | None:
    """
    Return what decodes the next bytes of a reply, `None` if its encoding is unknown.

    A chunk that would inflate to more than an event may have is cut, which makes the rest unreadable.
    """
    match content_encoding:
        case "" | "identity":
            return bytes
        case "gzip" | "x-gzip" | "deflate":
            inflate = zlib.decompressobj(GZIP_OR_ZLIB)
            return lambda chunk: inflate.decompress(chunk, DEFAULT_MAX_EVENT_BYTES)
        case _:
            return None
