"""
Forwarding to Anthropic's own API, unchanged: mode `claude`.

Credentials, betas, bodies and replies are forwarded as they are; errors too, as the client's retry logic matches their
wording.  Only the headers of a single hop are removed.
"""

from collections.abc import Mapping
from contextlib import suppress
from io import BytesIO

import aiohttp
import msgspec
from aiohttp import web
from msgspec import Struct
from multidict import CIMultiDict
from yarl import URL

from anyclaude.errors import BackendTruncated, BackendUnreachable, InvalidRequest
from anyclaude.protocol.deltas import UsageReported
from anyclaude.protocol.message_stream import merge_reports
from anyclaude.protocol.messages_request import MessagesRequest, decode_request
from anyclaude.protocol.sse import DEFAULT_MAX_EVENT_BYTES, EventTooLarge, SseDecoder

from .requests import RequestContext

HOP_BY_HOP_HEADERS = frozenset(
    {
        "connection",
        "content-length",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "accept-encoding",
    }
)
"""The headers that are not forwarded: those of RFC 9110 §7.6.1, and those that the HTTP library sets again.
`accept-encoding` is among them because the journal reads the usage from the plain bytes, and because compression gains
nothing between the gateway and a client on the same machine."""

AUTO_HEADERS = ("Accept", "Content-Type", "User-Agent")
"""The headers that aiohttp would add to a request without them."""


class Passthrough:
    """Forwards requests to one origin and streams the replies back."""

    def __init__(self, session: aiohttp.ClientSession, origin: str) -> None:
        self._session = session
        self._origin = origin.rstrip("/")

    async def __call__(self, context: RequestContext) -> web.StreamResponse:
        """Forward one request.  Raises `BackendUnreachable` if there is no reply."""
        body = await context.body()
        context.log.forwarded(_decoded(body), "claude/unchanged")
        headers = _end_to_end(context.http.headers)
        headers["Accept-Encoding"] = "identity"
        try:
            upstream = await self._session.request(
                context.http.method,
                URL(self._origin + context.http.raw_path, encoded=True),
                data=BytesIO(body) if body else None,
                headers=headers,
                skip_auto_headers=AUTO_HEADERS,
                allow_redirects=False,
                auto_decompress=False,
            )
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise BackendUnreachable(f"no connection to {self._origin}: {type(error).__name__}") from error
        try:
            return await self._stream_back(context, upstream)
        finally:
            upstream.close()

    async def _stream_back(self, context: RequestContext, upstream: aiohttp.ClientResponse) -> web.StreamResponse:
        context.log.answered(upstream.status)
        response = web.StreamResponse(status=upstream.status, headers=_end_to_end(upstream.headers))
        response.headers.setdefault("request-id", context.request_id)
        response.content_length = upstream.content_length
        await response.prepare(context.http)
        reader = UsageReader(is_stream=upstream.content_type == "text/event-stream")
        try:
            while chunk := await self._next_chunk(upstream):
                reader.feed(chunk)
                await response.write(chunk)
        except BackendTruncated as error:
            context.log.failed(error)
            raise ConnectionError("the reply was cut off, so the client's connection is closed") from error
        finally:
            reader.finish()
            context.log.counted(reader.reported)
        await response.write_eof()
        return response

    async def _next_chunk(self, upstream: aiohttp.ClientResponse) -> bytes:
        try:
            return await upstream.content.readany()
        except (aiohttp.ClientError, OSError) as error:
            raise BackendTruncated(f"{self._origin} closed the connection in the middle of its reply") from error


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
    """Reads the usage from a reply while it is forwarded; a reply that it cannot read has no usage."""

    def __init__(self, is_stream: bool) -> None:
        self.reported = UsageReported()
        self._is_stream = is_stream
        self._document = bytearray()
        self._sse = SseDecoder()
        self._decoder = msgspec.json.Decoder(WireEvent)
        self._is_unreadable = False

    def feed(self, chunk: bytes) -> None:
        """Read the next bytes of the reply."""
        if self._is_unreadable:
            return
        if not self._is_stream:
            self._document += chunk
            self._is_unreadable = len(self._document) > DEFAULT_MAX_EVENT_BYTES
            return
        try:
            for event in self._sse.feed(chunk):
                self._read_event(event.data)
        except (EventTooLarge, msgspec.DecodeError, UnicodeDecodeError):
            self._is_unreadable = True

    def finish(self) -> None:
        """Read a reply that is not a stream, which is possible only once it is complete."""
        if not self._is_stream and not self._is_unreadable:
            with suppress(msgspec.DecodeError, UnicodeDecodeError):
                self._read_event(bytes(self._document))

    def _read_event(self, data: bytes) -> None:
        if b'"usage"' not in data:
            return
        event = self._decoder.decode(data)
        usage = event.usage or (event.message.usage if event.message else WireUsage())
        cached = usage.cache_read_input_tokens
        created = usage.cache_creation_input_tokens or 0
        total = None if usage.input_tokens is None else usage.input_tokens + (cached or 0) + created
        self.reported = merge_reports(self.reported, UsageReported(total, usage.output_tokens, cached))


def _end_to_end(headers: Mapping[str, str]) -> CIMultiDict[str]:
    """Return the headers that are forwarded."""
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in HOP_BY_HOP_HEADERS)


def _decoded(body: bytes) -> MessagesRequest | None:
    """Return the request for the journal, `None` if it cannot be decoded; Anthropic's answer then gives the reason."""
    try:
        return decode_request(body)
    except InvalidRequest:
        return None
