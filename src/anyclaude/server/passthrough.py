"""
Forwarding to Anthropic's own API, unchanged: mode `claude`.

Credentials, betas, bodies and replies are forwarded as they are, byte by byte; errors too, as the client's retry logic
matches their wording.  Only the headers of a single hop are removed, and only its framing is new; trailers and interim
responses are not forwarded.  The journal reads the usage of a reply that is plain or compressed with gzip; of another
encoding it records none.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import TypeAlias

import aiohttp
from aiohttp import web
from msgspec.structs import replace
from multidict import CIMultiDict
from yarl import URL

from anyclaude.backends.http import headers_on_the_way, translated_errors, way_arguments
from anyclaude.backends.http.client import CONNECT_SECONDS
from anyclaude.errors import BackendError, BackendGarbled, BackendTruncated, InvalidRequest, RequestTooLarge
from anyclaude.network import DIRECT, ServerAddress, Way
from anyclaude.protocol.detached_data import RequestBody
from anyclaude.protocol.json_bounds import check_bounds
from anyclaude.protocol.messages_request import MessagesRequest, decode_request
from anyclaude.protocol.usage_reader import UsageReader
from anyclaude.secret import Masks, Secret

from .guard import host_in
from .paths import requested_target
from .requests import RequestContext

HOP_BY_HOP_HEADERS = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""The headers of a single hop (RFC 9110 §7.6.1); those that `Connection` names are others."""

OWN_HEADERS = frozenset({"host", "expect"})
"""The headers of a request that name the gateway, or that it has acted on itself."""

SECRET_HEADER = re.compile("auth|key|token|cookie", re.IGNORECASE)
"""The headers that may carry credentials."""

AUTO_REQUEST_HEADERS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
AUTO_RESPONSE_HEADERS = ("Content-Type", "Date", "Server")
"""The headers that aiohttp would add to a request or a response without them."""

RawHeaders: TypeAlias = Sequence[tuple[bytes, bytes]]


class Passthrough:
    """Forwards requests to one server and streams the replies back."""

    def __init__(
        self, session: aiohttp.ClientSession, address: ServerAddress, way: Way = DIRECT, token: Secret | None = None
    ) -> None:
        """Describe the way to the server; `token` is the gateway's own, which no server but this one gets to see."""
        self._session = session
        self._token = token
        self._address = _base(address)
        self._origin = self._address.origin
        self._way = way_arguments(address, way)
        self._proxy_headers = headers_on_the_way(address, way)

    async def __call__(self, context: RequestContext) -> web.StreamResponse:
        """
        Forward one request.

        Raises:
            BackendUnreachable: when there is no reply.
            BackendUntrusted: when the server's certificate is not trusted.
            BackendGarbled: when the reply is the beginning of another protocol.
        """
        target = requested_target(context.http.raw_path, host_in(context.http.headers.get("Host", "")))
        body = await context.raw_body()
        decoded = await context.services.workers.run(body.size, lambda: _decoded(body), context.client)
        context.log.forwarded(decoded, "claude/unchanged")
        headers = _end_to_end(self._without_token(context.http.raw_headers), OWN_HEADERS)
        headers.update(self._proxy_headers)
        if body.size:
            headers.setdefault("Content-Length", str(body.size))
        with _without_credentials(headers), translated_errors(self._origin, CONNECT_SECONDS):
            upstream = await self._session.request(
                context.http.method,
                URL(self._address.url_of(target, at_root=True), encoded=True),
                data=_sent(body) if body.size else None,
                headers=headers,
                skip_auto_headers=AUTO_REQUEST_HEADERS,
                allow_redirects=False,
                auto_decompress=False,
                **self._way,
            )
        try:
            if upstream.status == HTTPStatus.SWITCHING_PROTOCOLS:
                raise BackendGarbled(f"{self._origin} switched to another protocol, which no request asks for")
            return await self._stream_back(context, upstream)
        finally:
            upstream.close()

    def _without_token(self, raw_headers: RawHeaders) -> RawHeaders:
        """Return the headers but for those that carry the gateway's token."""
        if self._token is None:
            return raw_headers
        token = self._token.reveal().encode()
        return [(name, value) for name, value in raw_headers if token not in value]

    async def _stream_back(self, context: RequestContext, upstream: aiohttp.ClientResponse) -> web.StreamResponse:
        context.log.answered(upstream.status)
        headers = _end_to_end(upstream.raw_headers)
        response = UnchangedResponse(status=upstream.status, reason=upstream.reason or "", headers=headers)
        await response.prepare(context.http)
        reader = UsageReader(
            is_stream=upstream.content_type == "text/event-stream",
            content_encoding=upstream.headers.get("Content-Encoding", ""),
        )
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


@contextmanager
def _without_credentials(headers: Mapping[str, str]) -> Iterator[None]:
    """Take the client's own credentials out of an error: the text may quote a broken answer, which may repeat them."""
    try:
        yield
    except BackendError as error:
        masks = Masks()
        for name, value in headers.items():
            if SECRET_HEADER.search(name):
                masks.add(value)
        error.args = (masks.masked(str(error)),)
        raise


class UnchangedResponse(web.StreamResponse):
    """A response with exactly the headers it is given, and those of its hop."""

    async def _prepare_headers(self) -> None:
        absent = [name for name in AUTO_RESPONSE_HEADERS if name not in self.headers]
        await super()._prepare_headers()
        for name in absent:
            self.headers.popall(name, None)


def _base(address: ServerAddress) -> ServerAddress:
    """Return an address below which the client's paths are: they have a `/v1` of their own, but no other version."""
    is_theirs = address.version in {"", "/v1"}
    return address if is_theirs else replace(address, prefix=address.prefix + address.version, version="")


def _end_to_end(raw_headers: RawHeaders, without: frozenset[str] = frozenset()) -> CIMultiDict[str]:
    """Return the headers that are forwarded, in their order; of one in several spellings, the first is used."""
    headers = [(_text(name), _text(value)) for name, value in raw_headers]
    named = {
        token.strip().lower() for name, value in headers if name.lower() == "connection" for token in value.split(",")
    }
    hop = HOP_BY_HOP_HEADERS | named | without
    if any(name.lower() == "transfer-encoding" for name, _ in headers):
        hop |= {"content-length"}  # it does not count then (RFC 9112, section 6.3), and may disagree with the body
    spellings: dict[str, str] = {}
    return CIMultiDict(
        (spellings.setdefault(name.lower(), name), value) for name, value in headers if name.lower() not in hop
    )


def _text(raw: bytes) -> str:
    """Return a header's text; aiohttp sends UTF-8, and would omit bytes that are none."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


async def _sent(body: RequestBody) -> AsyncGenerator[bytes, None]:
    for piece in body.pieces:
        yield piece
        await asyncio.sleep(0)  # a fast reader never makes aiohttp wait


def _decoded(body: RequestBody) -> MessagesRequest | None:
    """Return the request for the journal, `None` if it cannot be decoded; Anthropic's answer then gives the reason."""
    try:
        json, _ = body.detached()
        check_bounds(json)
        return decode_request(json)
    except (InvalidRequest, RequestTooLarge):
        return None
