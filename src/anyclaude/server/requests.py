"""One request to the gateway, as every route receives it."""

import asyncio
from dataclasses import dataclass

from aiohttp import web

from anyclaude.errors import InvalidRequest, RequestTimeout, RequestTooLarge
from anyclaude.exchange import Caller, ExchangeLog

from .limits import Limits


@dataclass(frozen=True, slots=True)
class RequestContext:
    """The HTTP request, its log, and the limits on its body."""

    http: web.BaseRequest
    log: ExchangeLog
    limits: Limits

    @property
    def request_id(self) -> str:
        """The identifier of the request, which is also in the response."""
        return self.log.request_id

    @property
    def caller(self) -> Caller:
        """The client, as far as it has been identified."""
        return self.log.caller

    async def body(self) -> bytes:
        """
        Read the body.

        Raises:
            RequestTooLarge: when it is larger than `Limits.body_bytes`.
            RequestTimeout: when it is not complete after `Limits.body_seconds`.
            InvalidRequest: when it cannot be read as HTTP.
        """
        if (self.http.content_length or 0) > self.limits.body_bytes:
            raise self._too_large()
        try:
            async with asyncio.timeout(self.limits.body_seconds):
                return await self.http.read()
        except TimeoutError as error:
            raise RequestTimeout(f"the request's body was not complete after {self.limits.body_seconds:g} s") from error
        except web.HTTPRequestEntityTooLarge as error:
            raise self._too_large() from error
        except web.RequestPayloadError as error:
            raise InvalidRequest(f"the request's body could not be read: {error}") from error

    def _too_large(self) -> RequestTooLarge:
        return RequestTooLarge(f"the request's body is larger than {self.limits.body_bytes:,} bytes")
