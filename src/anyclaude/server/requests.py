"""One request to the gateway, as every route receives it."""

from dataclasses import dataclass

from aiohttp import HttpVersion11, web

from anyclaude.errors import CodingUnsupported, ExpectationFailed, InvalidRequest
from anyclaude.exchange import Caller, ExchangeLog
from anyclaude.memory_budget import Reservation
from anyclaude.protocol.detached_data import RequestBody

from .bodies import too_large
from .services import Services

ASK_FOR_BODY = "100-continue"
"""What a client expects that sends its body when it is asked for it (RFC 9110 §10.1.1)."""


@dataclass(frozen=True, slots=True)
class RequestContext:
    """The HTTP request, its log, and the parts of the gateway that answer it."""

    http: web.BaseRequest
    log: ExchangeLog
    services: Services
    held: Reservation
    """The memory that the request holds until it is answered."""

    @property
    def request_id(self) -> str:
        """The identifier of the request, which is also in the response."""
        return self.log.request_id

    @property
    def caller(self) -> Caller:
        """The client, as far as it has been identified."""
        return self.log.caller

    @property
    def client(self) -> str:
        """Whose share of the work it takes: that of its session, or else of its connection."""
        return self.caller.session or str(self.http.transport and self.http.transport.get_extra_info("peername"))

    async def body(self) -> RequestBody:
        """
        Read a body that is not compressed, and can be decoded.

        Raises:
            CodingUnsupported: when it is compressed.
            RequestTooLarge: when it has more text than any conversation.
            RequestError: as `raw_body` raises it.
        """
        codings = {coding.strip().lower() for coding in self.http.headers.get("Content-Encoding", "").split(",")}
        if compressed := codings - {"", "identity"}:
            raise CodingUnsupported(f"Content-Encoding: should be identity, not {min(compressed)!r:.100}")
        return await self._read(bounds_text=True)

    async def raw_body(self) -> RequestBody:
        """
        Read the body as it was sent.

        Raises:
            CodingUnsupported: when its transfer is compressed.
            MemoryExhausted: when other requests fill the memory.
            RequestTooLarge: when it is larger than `Limits.body_bytes`.
            RequestTimeout: when it is not complete after `Limits.body_seconds`.
            ExpectationFailed: when the client expects something else than to be asked for it.
            InvalidRequest: when it cannot be read as HTTP.
        """
        return await self._read(bounds_text=False)

    async def _read(self, *, bounds_text: bool) -> RequestBody:
        codings = {coding.strip().lower() for coding in self.http.headers.get("Transfer-Encoding", "").split(",")}
        if unknown := codings - {"", "chunked"}:
            raise CodingUnsupported(f"Transfer-Encoding: should be chunked, not {min(unknown)!r:.100}")
        limits = self.services.limits
        awaits_question = _awaits_question(self.http)
        if (self.http.content_length or 0) > limits.body_bytes:
            raise too_large(limits)
        if awaits_question:
            await self._ask_for_body()
        try:
            return await self.services.bodies.read(self.http.content, self.held, limits, bounds_text=bounds_text)
        except web.RequestPayloadError as error:
            raise InvalidRequest(f"the request's body could not be read: {error}") from error

    async def _ask_for_body(self) -> None:
        """Tell the client that its body is awaited (RFC 9110 §10.1.1), as aiohttp's applications do."""
        await self.http.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.http.writer.output_size = 0  # the response has not begun


def _awaits_question(request: web.BaseRequest) -> bool:
    """Return whether the client sends its body when it is asked for it; in HTTP/1.0 no client does."""
    if request.version < HttpVersion11:
        return False
    expected = {word.strip().lower() for value in request.headers.getall("Expect", ()) for word in value.split(",")}
    if others := expected - {"", ASK_FOR_BODY}:
        raise ExpectationFailed(f"Expect: should be {ASK_FOR_BODY}, not {min(others)!r:.100}")
    return ASK_FOR_BODY in expected
