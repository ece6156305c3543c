"""
Server-sent events: bytes in the pieces that the network delivers, complete events out.

Follows the "Interpreting an event stream" section of the WHATWG HTML standard: a
line ends in LF, CR or CRLF, a leading byte order mark is dropped, several `data`
lines are joined by LF, comments and unknown fields are dropped.  Data stays bytes,
so a UTF-8 character that is cut in two is complete before anything decodes it.
"""

import re

from msgspec import Struct

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

DEFAULT_MAX_EVENT_BYTES = 4 * 1024 * 1024
"""The limit of one line, of the data of one event, and of a reply that is one document.  The largest legitimate one is
a reply of the 128,000 tokens that are the most the client requests: 0.5 MB, or 1.5 if every character is escaped.  JSON
of nothing but empty objects takes up to 30 times its size in memory."""

IGNORED_FIELDS = frozenset({b"", b"id", b"retry"})
"""Fields without a use here: comments, whose field name is empty, and the standard's two reconnection fields."""


MISWRITTEN_FIELD = re.compile(rb"(?:\xef\xbb\xbf)?[ \t]*(data|event)[ \t]*:", re.IGNORECASE)
"""A field that is indented, in capitals, or after a byte order mark, with which some servers begin every event."""


class EventTooLarge(ValueError):
    """One event is larger than the decoder's limit."""


class ServerSentEvent(Struct, frozen=True, gc=False):
    """One event."""

    data: bytes
    event: str = "message"


class SseDecoder:
    """
    Decodes incrementally: `feed` returns the same events however the bytes are split.

    `keeps_unknown_lines` departs from the standard: a line that is not a known field becomes data of its
    event, so that a line whose beginning was damaged is noticed instead of being dropped.
    """

    def __init__(self, max_event_bytes: int = DEFAULT_MAX_EVENT_BYTES, keeps_unknown_lines: bool = False) -> None:
        self._max_event_bytes = max_event_bytes
        self._keeps_strange_lines = keeps_unknown_lines
        self._partial = (
            bytearray()
        )  # the line that is not complete yet; a list of its pieces takes many times the space
        self._data = bytearray()
        self._has_data = False
        self._event = ""
        self._at_start = True
        self._after_carriage_return = False

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """Return the events that `chunk` completes.  Raises `EventTooLarge`."""
        if self._at_start or self._after_carriage_return or b"\r" in chunk:
            chunk = self._normalised(chunk)
        if b"\n" not in chunk:
            self._hold(chunk)
            return []
        if self._partial:
            chunk = self._take_partial() + chunk
        end = chunk.rfind(b"\n\n") + len(b"\n\n")
        events = self._plain_events(chunk[:end])
        lines = (chunk if events is None else chunk[end:]).split(b"\n")
        tail = lines.pop()
        more = self._events(lines)
        self._hold(tail)
        return more if events is None else events

    def flush(self) -> list[ServerSentEvent]:
        """
        Return the complete but unterminated event at the end of the bytes, if any.

        The standard discards it.  Servers that omit the last blank line are common enough that
        the caller may use the event, but must not trust it further than it parses.
        """
        if line := self._take_partial():
            self._take_field(line)
        return [self._dispatch()] if self._has_data else []

    def _normalised(self, chunk: bytes) -> bytes:
        """Drop a leading byte order mark, and turn CR and CRLF into LF."""
        if self._at_start:
            chunk = self._take_partial() + chunk
            if len(chunk) < len(BYTE_ORDER_MARK) and BYTE_ORDER_MARK.startswith(chunk):
                return chunk
            self._at_start = False
            chunk = chunk.removeprefix(BYTE_ORDER_MARK)
        if self._after_carriage_return and chunk:
            chunk = chunk.removeprefix(b"\n")
            self._after_carriage_return = False
        if chunk.endswith(b"\r"):
            self._after_carriage_return = True
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _plain_events(self, block: bytes) -> list[ServerSentEvent] | None:
        """Return the events of a block of alternating data and blank lines, as nearly all are, else `None`."""
        if self._has_data or self._event or len(block) > self._max_event_bytes or not block.startswith(b"data: "):
            return None
        data = block[len(b"data: ") : -len(b"\n\n")].split(b"\n\ndata: ")
        return list(map(ServerSentEvent, data)) if block.count(b"\n") == 2 * len(data) else None

    def _events(self, lines: list[bytes]) -> list[ServerSentEvent]:
        """Return the events of lines of any kind."""
        events: list[ServerSentEvent] = []
        for line in lines:
            if line:
                self._take_field(line)
            elif self._has_data:
                events.append(self._dispatch())
            else:
                self._event = ""
        return events

    def _hold(self, piece: bytes) -> None:
        self._partial += piece
        self._require_room_for(len(self._partial))

    def _take_partial(self) -> bytes:
        line = bytes(self._partial)
        self._partial.clear()
        return line

    def _require_room_for(self, count: int) -> None:
        if count > self._max_event_bytes:
            raise EventTooLarge(f"one event is larger than {self._max_event_bytes} bytes")

    def _take_field(self, line: bytes) -> None:
        self._require_room_for(len(line))
        if line.startswith(b":"):
            return  # a comment, of which a server may send any number
        if line.startswith(b"data:"):
            self._add_data(line[6:] if line.startswith(b"data: ") else line[5:])
        elif line.startswith(b"event:"):
            self._event = line[6:].removeprefix(b" ").decode("utf-8", errors="replace")
        elif line == b"data":
            self._add_data(b"")
        elif line == b"event":
            self._event = ""
        elif self._keeps_strange_lines:
            self._take_strange(line)

    def _take_strange(self, line: bytes) -> None:
        if miswritten := MISWRITTEN_FIELD.match(line):
            self._take_field(miswritten[1].lower() + b":" + line[miswritten.end() :])
        elif line.partition(b":")[0] not in IGNORED_FIELDS:
            self._add_data(line)

    def _add_data(self, value: bytes) -> None:
        if self._has_data:
            self._data += b"\n"
        self._has_data = True
        self._data += value
        self._require_room_for(len(self._data) + 1)

    def _dispatch(self) -> ServerSentEvent:
        event = ServerSentEvent(bytes(self._data), self._event or "message")
        self._data.clear()
        self._has_data = False
        self._event = ""
        return event
