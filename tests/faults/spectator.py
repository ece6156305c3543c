"""A client that sends one request and keeps every byte of what comes back, and how it ended."""

import asyncio
import json
from dataclasses import dataclass
from enum import Enum
from urllib.parse import quote

from tests.parts.raw_client import CLAUDE_CODE, prompt, request

from anyclaude.exchange.caller import SESSION_HEADER


class Asking(Enum):
    """Who asks, and how."""

    CLAUDE_CODE = "Claude Code, streaming"
    OTHER = "another client, streaming"
    WHOLE = "not streaming"

    @property
    def streams(self) -> bool:
        """Whether the reply is asked for as a stream."""
        return self is not Asking.WHOLE

    def request(self, conversation: str) -> bytes:
        """Return the bytes of the request."""
        headers = {"Connection": "close"}
        if self is Asking.CLAUDE_CODE:
            headers |= CLAUDE_CODE | {SESSION_HEADER: quote(conversation)}
        return request("POST", "/v1/messages", prompt(conversation, stream=self.streams), headers)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the client got.  `is_intact`: the HTTP message ended as it should, and so did the connection."""

    status: int
    body: bytes
    is_intact: bool
    was_reset: bool

    def error(self) -> tuple[str, str]:
        """Return the type and message of an error response; the shape is checked."""
        body = json.loads(self.body)
        assert body["type"] == "error", body
        assert set(body["error"]) == {"type", "message"}, body
        return body["error"]["type"], body["error"]["message"]


async def see(host: str, port: int, data: bytes) -> Seen:
    """Send a request, and look until the connection has ended."""
    reader, writer = await asyncio.open_connection(host, port)
    raw = bytearray()
    was_reset = False
    try:
        writer.write(data)
        while piece := await reader.read(65536):
            raw += piece
    except ConnectionError:
        was_reset = True
    finally:
        writer.transport.abort()
    return parsed(bytes(raw), was_reset)


def parsed(raw: bytes, was_reset: bool) -> Seen:
    """Return what the bytes of a response show."""
    head, separator, rest = raw.partition(b"\r\n\r\n")
    if not separator:
        return Seen(0, b"", False, was_reset)
    lines = head.decode("latin-1").split("\r\n")
    status = int(lines[0].split(" ")[1])
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    if headers.get("transfer-encoding") == "chunked":
        body, is_whole = _dechunked(rest)
    else:
        body, is_whole = rest, len(rest) == int(headers.get("content-length", "0"))
    return Seen(status, body, is_whole and not was_reset, was_reset)


def _dechunked(rest: bytes) -> tuple[bytes, bool]:
    """Return the body as far as it goes, and whether its end is there."""
    body = bytearray()
    while True:
        size_line, separator, rest = rest.partition(b"\r\n")
        if not separator:
            return bytes(body), False
        size = int(size_line, 16)
        if size == 0:
            return bytes(body), rest == b"\r\n"
        body += rest[:size]
        if len(rest) < size + 2:
            return bytes(body), False
        rest = rest[size + 2 :]
