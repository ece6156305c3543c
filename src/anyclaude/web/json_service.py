"""A provider's service over HTTP: one question, one JSON document, and what its refusals mean."""

import asyncio
from collections.abc import Mapping
from typing import TypeVar

import aiohttp
import msgspec

from anyclaude.backends.http.way import WayArguments, headers_on_the_way
from anyclaude.errors import InvalidSetting, WebToolCode, WebToolFailed
from anyclaude.network import Network, ServerAddress
from anyclaude.worker_threads import in_thread_if_large

from .body import BodyGarbled, BodyTooLarge, read_body
from .connections import arguments_of, open_session

T = TypeVar("T")

SEARCH_SECONDS = 15.0
"""A SearXNG waits three seconds for its engines by default, and up to ten if its settings say so."""

MAX_ANSWER_BYTES = 2 * 1024 * 1024
"""An answer with 20 results has some 30 KiB, a SearXNG's with pictures inside it several hundred."""

USER_AGENT = "anyclaude"


class JsonService:
    """
    The service at one address; nothing is opened before the first question.

    `refusals` are sentences for statuses that mean something particular here.
    """

    def __init__(
        self,
        title: str,
        address: ServerAddress,
        network: Network,
        refusals: Mapping[int, str],
        within_seconds: float = SEARCH_SECONDS,
    ) -> None:
        """Decide on the way; raises `InvalidSetting` if it is through a proxy that cannot be used."""
        self.title = title
        self._address = address
        self._way = network.way_to(address)
        self._refusals = refusals
        self._within_seconds = within_seconds
        self._session: aiohttp.ClientSession | None = None
        self._arguments: WayArguments | None = None

    async def get(self, path: str, kind: type[T], parameters: Mapping[str, str], headers: Mapping[str, str]) -> T:
        """Return the answer to a GET; raises `WebToolFailed`."""
        return await self._answer("GET", path, kind, params=parameters, headers=headers)

    async def post(self, path: str, kind: type[T], document: object, headers: Mapping[str, str]) -> T:
        """Return the answer to a POST of a JSON document; raises `WebToolFailed`."""
        whole = {"Content-Type": "application/json", **headers}
        return await self._answer("POST", path, kind, data=msgspec.json.encode(document), headers=whole)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def failure(self, code: WebToolCode, what: str) -> WebToolFailed:
        """Return an error that names the service."""
        return WebToolFailed(
            code, f"The web search failed: {what}. Nothing was found, and nothing may be taken for a result."
        )

    async def _answer(
        self,
        method: str,
        path: str,
        kind: type[T],
        *,
        headers: Mapping[str, str],
        params: Mapping[str, str] | None = None,
        data: bytes | None = None,
    ) -> T:
        try:
            async with asyncio.timeout(self._within_seconds):
                arguments = await self._way_arguments()
                request = self._opened().request(
                    method,
                    self._address.origin + path,
                    params=params,
                    data=data,
                    headers={**self._own_headers(), **headers},
                    allow_redirects=False,  # neither key nor query goes to another server
                    **arguments,
                )
                async with request as response:
                    self._check_status(response)
                    body = await read_body(response, MAX_ANSWER_BYTES)
            return await in_thread_if_large(len(body), lambda: msgspec.json.decode(body, type=kind))
        except TimeoutError as error:
            raise self.failure(
                "unavailable", f"{self.title} did not answer within {self._within_seconds:g} s"
            ) from error
        except (aiohttp.ClientError, BodyGarbled, OSError) as error:
            raise self.failure("unavailable", f"{self.title} cannot be reached: {error}. Is it running?") from error
        except BodyTooLarge as error:
            raise self.failure(
                "unavailable", f"the answer of {self.title} is larger than {MAX_ANSWER_BYTES:,} bytes"
            ) from error
        except msgspec.DecodeError as error:
            raise self.failure(
                "unavailable", f"the answer of {self.title} is not the JSON of its API. Is the address right?"
            ) from error

    def _check_status(self, response: aiohttp.ClientResponse) -> None:
        status = response.status
        if status in self._refusals:
            raise self.failure("unavailable", self._refusals[status])
        if status == 429:
            raise self.failure("too_many_requests", f"{self.title} takes no more searches for now; try again later")
        if 300 <= status < 400:
            raise self.failure("unavailable", f"{self.title} redirects, which is not followed; set its present address")
        if status != 200:
            raise self.failure("unavailable", f"{self.title} answered with status {status}")

    def _own_headers(self) -> dict[str, str]:
        credentials = self._address.credentials
        return {
            "Accept": "application/json",
            "User-Agent": USER_AGENT,
            **headers_on_the_way(self._address, self._way),
            **({} if credentials is None else {"Authorization": credentials.reveal()}),
        }

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = open_session()
        return self._session

    async def _way_arguments(self) -> WayArguments:
        if self._arguments is None:
            try:
                self._arguments = await arguments_of(self._address, self._way)
            except InvalidSetting as error:
                raise self.failure("unavailable", str(error)) from error
        return self._arguments
