"""
Decode a reply: a stream of chunks, or one whole completion.

This path is paid for per token: a chunk that adds text costs one pass of msgspec and a few comparisons.

A server that refuses a request under status 200 sends a body that is neither, or such data in place of chunks.  If it
has words, they are the refusal's; an empty body, or the beginning of a reply, is a reply that was cut.
"""

import html
import re
from collections.abc import Mapping

from anyclaude.dialects.base import EngineProgress
from anyclaude.dialects.earlier_replies import EarlierReplies
from anyclaude.errors import BackendError, BackendGarbled, BackendRejected, BackendTruncated, forget_frames
from anyclaude.protocol.deltas import Delta
from anyclaude.protocol.json_bounds import is_bounded
from anyclaude.protocol.json_values import JsonError, decode_json_sequence
from anyclaude.protocol.sse import BYTE_ORDER_MARK, DEFAULT_MAX_EVENT_BYTES, EventTooLarge, ServerSentEvent, SseDecoder

from .chunks import decode_chunks, garbled, plain_chunk
from .rejections import rejection_of_body, rejection_of_event
from .reply import Reply
from .tool_calls import NO_NAMES

DONE = b"[DONE]"

DONE_AT_END = re.compile(rb'(?:"?\[done\]"?|\n"?done"?)\Z', re.IGNORECASE)
MAX_DONE_BYTES = len(b'"[DONE]"')
DONE_MISWRITTEN = re.compile(rb'"?\[?done\]?"?', re.IGNORECASE)

SIGN_OF_LIFE = re.compile(rb":.*|ping|pong|keep[-_ ]?alive|heartbeat|processing|null", re.IGNORECASE | re.DOTALL)
"""Data that say nothing, in place of a comment: proxies send them so that a connection stays open."""

ERROR_LINE = b"error:"
"""Older llama.cpp servers write the name of the event in place of the field's name (`server_sent_event`)."""

BEGINNINGS = (DONE, b"data:", b"event:", b"id:", b"retry:")
"""What a stream may begin with; a part of one of these, and nothing more, is a stream that was cut."""

JSON_START = re.compile(rb'\s*(?:\{|"|\[\s*(?:[\[{"\]\d-]|$))')
"""How an object, a string and a list begin; a line of a log may begin with `[ERROR]`."""

JSON_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|(\\?\Z))', re.DOTALL)
"""A string, or the beginning of one without its end: then the group is there."""

PAGE_TITLE = re.compile(rb"<(title|h1)\b[^>]{,200}>(.{,600}?)</\1\s*>", re.DOTALL | re.IGNORECASE)
MAX_PAGE_BYTES = 64 * 1024
"""The part of a web page that is read for its title, which stands near the beginning."""
MAX_TITLE_CHARACTERS = 200
MAX_TITLE_BYTES = 1024
"""About the most that `PAGE_TITLE` spans."""
TITLE_END = re.compile(rb"</(?:title|h1)\s{,8}>", re.IGNORECASE)
MAX_TITLE_END_BYTES = 16
"""The most that `TITLE_END` spans."""

BLANK_BEGINNING = re.compile(rb"(?:\s|\xef\xbb\xbf)*+")
MARKS = re.compile(rb"(?:data:\s*+)*+")
"""The marks of data before data that a proxy, or several, have marked once more."""


class ReplyDecoder:
    """
    Decodes one reply of any kind.

    The first byte decides, not the content type: servers ignore `stream`, and label one kind as the other.
    """

    def __init__(self, tool_names: Mapping[str, str] = NO_NAMES, earlier_replies: EarlierReplies | None = None) -> None:
        """Take the own names of the tools that have another one on the wire, and the server's earlier replies."""
        self._reply = Reply(tool_names, EarlierReplies() if earlier_replies is None else earlier_replies)
        self._decoder: StreamDecoder | DocumentDecoder | WebPageDecoder | None = None
        self._stream: StreamDecoder | None = None
        self._head = b""

    @property
    def engine_progress(self) -> EngineProgress:
        """How far the engine says that it is."""
        return self._reply.engine_progress

    @property
    def is_done(self) -> bool:
        """Whether `[DONE]` has come, or what stands for it."""
        return self._stream is not None and self._stream.is_done

    def feed(self, chunk: bytes) -> list[Delta]:
        """Return the deltas that `chunk` adds.  Raises `BackendGarbled`, `BackendRejected` and `BackendTruncated`."""
        if self._decoder is None:
            return self._begin(chunk)
        return self._decoder.feed(chunk)

    def finish(self) -> list[Delta]:
        """
        Return the deltas that only the end of the reply decides.

        Raises:
            BackendTruncated: when the reply is empty, or ended before it was finished.
            BackendRejected: when the whole reply is a refusal.
            BackendGarbled: when it is something else.
        """
        if self._decoder is None:
            raise BackendTruncated("the backend's reply is empty")
        return self._decoder.finish()

    def _begin(self, chunk: bytes) -> list[Delta]:
        start = self._head + chunk
        start = start[_length(BLANK_BEGINNING, start) :]
        if BYTE_ORDER_MARK.startswith(start):
            self._head = start
            return []
        if start.startswith(b"<"):
            self._decoder = WebPageDecoder()
        elif start.startswith((b"{", b"[", b'"')):
            self._decoder = DocumentDecoder(self._reply)
        else:
            self._decoder = self._stream = StreamDecoder(self._reply)
        return self._decoder.feed(start)


class StreamDecoder:
    """Decodes a stream of chunks."""

    def __init__(self, reply: Reply) -> None:
        self._events = SseDecoder(keeps_unknown_lines=True)
        self._reply = reply
        self.is_done = False
        """Whether `[DONE]` has come, or what stands for it."""
        self._failure: BackendError | None = None

    def feed(self, chunk: bytes) -> list[Delta]:
        """
        Return the deltas that `chunk` adds.

        If deltas precede an error, they are returned first and the error is raised by the next call: the deltas are
        the same for any split of the bytes.

        Raises:
            BackendGarbled: when the bytes cannot be understood.
            BackendRejected: when the server sent an error.
            BackendTruncated: when the server has broken its reply off.
        """
        self._raise_failure()
        deltas: list[Delta] = []
        try:
            self._read(chunk, deltas)
        except BackendError as error:
            if not deltas:
                raise
            forget_frames(error)  # they refer here: a cycle
            self._failure = error
        return deltas

    def _read(self, chunk: bytes, deltas: list[Delta]) -> None:
        try:
            for event in self._events.feed(chunk):
                _require_bounded(event.data)
                plain = None if self.is_done or event.event != "message" else plain_chunk(event.data)
                if plain is None:
                    self._take(event, deltas)
                else:
                    self._reply.take(plain, event.data, deltas)
        except EventTooLarge as error:
            raise BackendGarbled(f"the backend's stream cannot be decoded: {error}") from error

    def _raise_failure(self) -> None:
        """Raise the error that was kept; it is no longer kept then, as its traceback refers here."""
        failure, self._failure = self._failure, None
        try:
            if failure is not None:
                raise failure
        finally:
            del failure

    def finish(self) -> list[Delta]:
        """
        Return the deltas of a last event that is whole but unterminated.

        Raises:
            BackendTruncated: when the reply was not finished.
            BackendRejected: when there is a refusal in its place.
        """
        self._raise_failure()
        deltas: list[Delta] = []
        for event in self._events.flush():
            data = event.data.strip()
            if data == DONE or _is_json(_without_done(data)):
                self._take(event, deltas)
            elif not self._reply.has_begun and (refusal := _refusal_in(data)):
                raise refusal
        self._reply.require_end(deltas)
        return deltas

    def _take(self, event: ServerSentEvent, deltas: list[Delta]) -> None:
        data = event.data.strip()
        data = data[_length(MARKS, data) :]
        if self.is_done or not data:
            return
        if event.event == "error" or data.startswith(ERROR_LINE):
            raise rejection_of_event(data.removeprefix(ERROR_LINE))
        if SIGN_OF_LIFE.fullmatch(data):
            return
        if DONE_MISWRITTEN.fullmatch(data):
            self._end(deltas)
            return
        whole = _without_done(data)  # the blank lines between the events may be missing
        self._take_chunks(whole, deltas)
        if len(whole) < len(data):
            self._end(deltas)

    def _take_chunks(self, data: bytes, deltas: list[Delta]) -> None:
        try:
            chunks = decode_chunks(data)
        except BackendGarbled:
            if refusal := self._refusal_amid(data):
                raise refusal from None
            raise
        for chunk in chunks:
            self._reply.take(chunk, data, deltas)

    def _refusal_amid(self, data: bytes) -> BackendRejected | None:
        """Return the refusal in data that are no chunk; once the reply has begun, only a plain sentence is one."""
        if not self._reply.has_begun:
            return _refusal_in(data)
        is_sentence = b" " in data and b"{" not in data and b'"' not in data
        return rejection_of_event(data) if is_sentence and _refusal_in(data) else None

    def _end(self, deltas: list[Delta]) -> None:
        self.is_done = True
        self._reply.end(deltas)


class DocumentDecoder:
    """Decodes one whole completion, or any other JSON, once all its bytes have arrived."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._body = bytearray()

    def feed(self, chunk: bytes) -> list[Delta]:
        """
        Keep `chunk`.

        Raises:
            BackendGarbled: when the document is larger than any valid reply.
        """
        self._body += chunk
        if len(self._body) > DEFAULT_MAX_EVENT_BYTES:
            raise BackendGarbled(f"the backend's reply is larger than {DEFAULT_MAX_EVENT_BYTES} bytes")
        return []

    def finish(self) -> list[Delta]:
        """
        Return the deltas of the whole reply.

        Raises:
            BackendTruncated: when the document is not whole, or has nothing in it.
            BackendRejected: when it is a refusal.
            BackendGarbled: when it is something else, or consists of more parts than any reply.
        """
        body = _without_done(bytes(self._body).rstrip())
        _require_bounded(body)
        if JSON_START.match(body) and _is_cut(body):
            raise BackendTruncated("the backend's reply ended in the middle of its JSON document")
        deltas: list[Delta] = []
        try:
            for chunk in decode_chunks(body):
                self._reply.take(chunk, body, deltas)
        except BackendGarbled:
            if refusal := _refusal_in(body):
                raise refusal from None
            raise
        self._reply.end(deltas)  # a whole document needs no other sign of its end
        if self._reply.is_something_else:
            raise rejection_of_body(body) or garbled(body, "it has no choices")
        self._reply.require_end(deltas)
        return deltas


class WebPageDecoder:
    """Decodes the page of a server that is no model server, or of a proxy before one: it has a title at most."""

    def __init__(self) -> None:
        self._page = bytearray()

    def feed(self, chunk: bytes) -> list[Delta]:
        """Keep the beginning of the page.  Raises `BackendGarbled` as soon as the title has ended."""
        unread = max(0, len(self._page) - MAX_TITLE_END_BYTES)
        self._page += chunk[: MAX_PAGE_BYTES - len(self._page)]
        if TITLE_END.search(self._page, unread) or len(self._page) >= MAX_PAGE_BYTES:
            self.finish()
        return []

    def finish(self) -> list[Delta]:
        """
        Return nothing, ever.

        Raises:
            BackendGarbled: with the title of the page.
        """
        end = TITLE_END.search(self._page)
        found = PAGE_TITLE.search(self._page, max(0, end.start() - MAX_TITLE_BYTES), end.end()) if end else None
        title = html.unescape(found[2].decode(errors="replace")) if found else ""
        title = " ".join(re.sub(r"<[^>]*>", " ", title).split())[:MAX_TITLE_CHARACTERS]
        what = "the backend answered with a web page instead of a chat completion"
        raise BackendGarbled(f"{what}: {title}" if title else what)


def _require_bounded(data: bytes) -> None:
    """Raise `BackendGarbled` for data that would take long to decode, as no reply does."""
    if not is_bounded(data):
        raise BackendGarbled(f"the backend sent {len(data):,} bytes of JSON at once that consist of too many parts")


def _length(pattern: re.Pattern[bytes], data: bytes) -> int:
    """Return the length of what stands at the beginning of data; the pattern also matches nothing."""
    found = pattern.match(data)
    return found.end() if found else 0


def _without_done(data: bytes) -> bytes:
    """Return data without the mark of the end behind them, which may follow without a blank line."""
    found = DONE_AT_END.search(data, max(0, len(data) - MAX_DONE_BYTES))
    return data[: found.start()].rstrip() if found else data


def _refusal_in(data: bytes) -> BackendRejected | None:
    """Return the refusal in data that are no chunk: a text or whole JSON, and not the beginning of a stream."""
    is_beginning = any(whole.startswith(data) for whole in BEGINNINGS)
    if is_beginning or (JSON_START.match(data) and not _is_json(data)):
        return None
    return rejection_of_body(data)


def _is_json(data: bytes) -> bool:
    """Return whether data are whole JSON objects, lists or strings, nearly always one."""
    if not JSON_START.match(data):
        return False
    try:
        decode_json_sequence(data)
    except JsonError:
        return False
    return True


def _is_cut(body: bytes) -> bool:
    """Return whether JSON lacks its end."""
    outside = JSON_STRING.sub(lambda string: b"" if string[1] is None else b'"', body)
    opened = outside.count(b"{") + outside.count(b"[")
    return outside.endswith(b'"') or opened > outside.count(b"}") + outside.count(b"]")
