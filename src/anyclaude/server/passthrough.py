"""
Forwarding to Anthropic's own API, unchanged: the mode `claude`.

Credentials, betas and bodies pass as they are, and so do the replies, errors included: the
client's retry logic matches their wording.  Only what belongs to one hop is left out.
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

ONE_HOP = frozenset(
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
"""RFC 9110 §7.6.1, with what the HTTP library states anew.  `accept-encoding` too: between here and the client's own
machine there is nothing to gain from compression, and the journal reads the usage from the plain bytes."""


NOT_OURS_TO_ADD = ("Accept", "Content-Type", "User-Agent")
"""What aiohttp would add where the client has said nothing."""


class Passthrough:
    """Forwards requests to one origin and streams the replies back."""

    def __init__(self, session: aiohttp.ClientSession, origin: str) -> None:
        self._session = session
        self._origin = origin.rstrip("/")

    async def __call__(self, context: RequestContext) -> web.StreamResponse:
        """Forward one request; raises `BackendUnreachable` where no reply came."""
        body = await context.body()
        context.log.forwarded(_decoded(body), "claude/unchanged")
        headers = _passed_on(context.http.headers)
        headers["Accept-Encoding"] = "identity"
        try:
            upstream = await self._session.request(
                context.http.method,
                URL(self._origin + context.http.raw_path, encoded=True),
                data=BytesIO(body) if body else None,
                headers=headers,
                skip_auto_headers=NOT_OURS_TO_ADD,
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
        response = web.StreamResponse(status=upstream.status, headers=_passed_on(upstream.headers))
        response.headers.setdefault("request-id", context.request_id)
        response.content_length = upstream.content_length
        await response.prepare(context.http)
        reader = UsageReader(is_stream=upstream.content_type == "text/event-stream")
        try:
            while chunk := await self._read(upstream):
                reader.feed(chunk)
                await response.write(chunk)
        except BackendTruncated as error:
            context.log.failed(error)
            raise ConnectionError("the reply is cut; so is the client's connection") from error
        finally:
            reader.finish()
            context.log.counted(reader.reported)
        await response.write_eof()
        return response

    async def _read(self, upstream: aiohttp.ClientResponse) -> bytes:
        try:
            return await upstream.content.readany()
        except (aiohttp.ClientError, OSError) as error:
            raise BackendTruncated(f"{self._origin} broke off its reply") from error


class WireUsage(Struct, frozen=True):
    """The usage object of the Messages API, as far as the journal keeps it."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None


class WireMessage(Struct, frozen=True):
    """The message inside `message_start`."""

    usage: WireUsage = WireUsage()


class WireEvent(Struct, frozen=True):
    """Any event, as far as it speaks of usage."""

    message: WireMessage | None = None
    usage: WireUsage | None = None


class UsageReader:
    """Reads the usage out of a reply that passes by; what it cannot read does not concern it."""

    def __init__(self, is_stream: bool) -> None:
        self.reported = UsageReported()
        self._is_stream = is_stream
        self._document = bytearray()
        self._sse = SseDecoder()
        self._decoder = msgspec.json.Decoder(WireEvent)
        self._is_lost = False

    def feed(self, chunk: bytes) -> None:
        """Look at some more bytes."""
        if self._is_lost:
            return
        if not self._is_stream:
            self._document += chunk
            self._is_lost = len(self._document) > DEFAULT_MAX_EVENT_BYTES
            return
        try:
            for event in self._sse.feed(chunk):
                self._look_at(event.data)
        except (EventTooLarge, msgspec.DecodeError, UnicodeDecodeError):
            self._is_lost = True

    def finish(self) -> None:
        """Look at a reply that had to be whole first."""
        if not self._is_stream and not self._is_lost:
            with suppress(msgspec.DecodeError, UnicodeDecodeError):
                self._look_at(bytes(self._document))

    def _look_at(self, data: bytes) -> None:
        if b'"usage"' not in data:
            return
        event = self._decoder.decode(data)
        usage = event.usage or (event.message.usage if event.message else WireUsage())
        cached = usage.cache_read_input_tokens
        created = usage.cache_creation_input_tokens or 0
        whole = None if usage.input_tokens is None else usage.input_tokens + (cached or 0) + created
        self.reported = merge_reports(self.reported, UsageReported(whole, usage.output_tokens, cached))


def _passed_on(headers: Mapping[str, str]) -> CIMultiDict[str]:
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in ONE_HOP)


def _decoded(body: bytes) -> MessagesRequest | None:
    """Return the request for the journal, `None` if it cannot be decoded; then Anthropic's answer says why."""
    try:
        return decode_request(body)
    except InvalidRequest:
        return None
