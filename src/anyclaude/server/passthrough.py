"""
Forwarding to Anthropic's own API, unchanged: mode `claude`.

Credentials, betas, bodies and replies are forwarded as they are; errors too, as the client's retry logic matches their
wording.  Only the headers of a single hop are removed.
"""

from collections.abc import Mapping
from io import BytesIO

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from anyclaude.backends.http import headers_on_the_way, way_arguments
from anyclaude.errors import BackendTruncated, BackendUnreachable, InvalidRequest
from anyclaude.network import DIRECT, ServerAddress, Way
from anyclaude.protocol.messages_request import MessagesRequest, decode_request
from anyclaude.protocol.usage_reader import UsageReader

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
    """Forwards requests to one server and streams the replies back."""

    def __init__(self, session: aiohttp.ClientSession, address: ServerAddress, way: Way = DIRECT) -> None:
        self._session = session
        self._address = address
        self._origin = address.origin
        self._way = way_arguments(address, way)
        self._proxy_headers = headers_on_the_way(address, way)

    async def __call__(self, context: RequestContext) -> web.StreamResponse:
        """Forward one request.  Raises `BackendUnreachable` if there is no reply."""
        body = await context.body()
        context.log.forwarded(_decoded(body), "claude/unchanged")
        headers = _end_to_end(context.http.headers)
        headers["Accept-Encoding"] = "identity"
        headers.update(self._proxy_headers)
        try:
            upstream = await self._session.request(
                context.http.method,
                URL(self._address.url_of(context.http.raw_path, at_root=True), encoded=True),
                data=BytesIO(body) if body else None,
                headers=headers,
                skip_auto_headers=AUTO_HEADERS,
                allow_redirects=False,
                auto_decompress=False,
                **self._way,
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


def _end_to_end(headers: Mapping[str, str]) -> CIMultiDict[str]:
    """Return the headers that are forwarded."""
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in HOP_BY_HOP_HEADERS)


def _decoded(body: bytes) -> MessagesRequest | None:
    """Return the request for the journal, `None` if it cannot be decoded; Anthropic's answer then gives the reason."""
    try:
        return decode_request(body)
    except InvalidRequest:
        return None
