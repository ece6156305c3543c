"""One request to the gateway, as every handler gets it."""

import asyncio
from dataclasses import dataclass

from aiohttp import web

from anyclaude.errors import InvalidRequest, RequestTimeout, RequestTooLarge
from anyclaude.exchange.caller import Caller
from anyclaude.exchange.exchange_log import ExchangeLog

from .limits import Limits


@dataclass(frozen=True, slots=True)
class RequestContext:
    """The HTTP request, who sent it, and the account that is kept of it."""

    http: web.BaseRequest
    request_id: str
    caller: Caller
    log: ExchangeLog
    limits: Limits

    async def body(self) -> bytes:
        """Read the body; raises `RequestTooLarge`, `RequestTimeout`, `InvalidRequest`."""
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
