"""A client that sends one request and keeps every byte of the response, and how the connection ended."""

import asyncio
import json
from dataclasses import dataclass
from enum import Enum
from urllib.parse import quote

from tests.parts.raw_client import CLAUDE_CODE, prompt, request

from anyclaude.exchange.caller import SESSION_HEADER


class ClientKind(Enum):
    """Which client sends the request, and whether it asks for a stream."""

    CLAUDE_CODE = "Claude Code, streaming"
    OTHER = "another client, streaming"
    NOT_STREAMING = "not streaming"

    @property
    def streams(self) -> bool:
        """Whether the request asks for a stream."""
        return self is not ClientKind.NOT_STREAMING

    def request(self, conversation: str) -> bytes:
        """Return the bytes of the request."""
        headers = {"Connection": "close"}
        if self is ClientKind.CLAUDE_CODE:
            headers |= CLAUDE_CODE | {SESSION_HEADER: quote(conversation)}
        return request("POST", "/v1/messages", prompt(conversation, stream=self.streams), headers)


@dataclass(frozen=True, slots=True)
class ObservedResponse:
    """What the client received.  `is_intact`: the HTTP message was complete, and the connection was not reset."""

    status: int
    body: bytes
    is_intact: bool
    was_reset: bool

    def error(self) -> tuple[str, str]:
        """Return the type and the message of an error response, after a check of its shape."""
        body = json.loads(self.body)
        assert body["type"] == "error", body
        assert set(body["error"]) == {"type", "message"}, body
        return body["error"]["type"], body["error"]["message"]


async def observe(host: str, port: int, data: bytes) -> ObservedResponse:
    """Send a request, and read until the connection ends."""
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
    return parse_response(bytes(raw), was_reset)


def parse_response(raw: bytes, was_reset: bool) -> ObservedResponse:
    """Parse the bytes of a response; `status` is 0 if its head is incomplete."""
    head, separator, rest = raw.partition(b"\r\n\r\n")
    if not separator:
        return ObservedResponse(0, b"", False, was_reset)
    lines = head.decode("latin-1").split("\r\n")
    status = int(lines[0].split(" ")[1])
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    if headers.get("transfer-encoding") == "chunked":
        body, is_complete = _dechunked(rest)
    else:
        body, is_complete = rest, len(rest) == int(headers.get("content-length", "0"))
    return ObservedResponse(status, body, is_complete and not was_reset, was_reset)


def _dechunked(rest: bytes) -> tuple[bytes, bool]:
    """Return the body as far as it arrived, and whether its last chunk did."""
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
