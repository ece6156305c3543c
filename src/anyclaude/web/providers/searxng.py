"""A SearXNG of the user's own (docs.searxng.org/dev/search_api)."""

from collections.abc import Sequence

from msgspec import Struct

from anyclaude.network import Network, ServerAddress
from anyclaude.web.domains import DomainFilter
from anyclaude.web.hits import Found, usable_hits
from anyclaude.web.json_service import SEARCH_SECONDS, JsonService
from anyclaude.web.languages import country_of, language_of
from anyclaude.web.search import Hit, Query, checked_text

from .sites import with_sites

PATH = "/search"

JSON_IS_OFF = (
    "the SearXNG at {where} refuses to answer in JSON (status 403). Add json to its settings.yml, under search: "
    "`formats: [html, json]`, and restart it"
)
"""SearXNG answers so for every format that its settings do not list (docs: Search API)."""


class _Result(Struct):
    url: str | None = None
    title: str | None = None
    content: str | None = None
    publishedDate: str | None = None


class _Answer(Struct):
    results: list[_Result] = []
    unresponsive_engines: list[Sequence[str]] = []
    """The engines that could not be asked, each with the reason."""


class Searxng:
    """Searches with the user's own SearXNG, which asks other engines in its turn."""

    name = "SearXNG"

    def __init__(self, address: ServerAddress, network: Network, within_seconds: float = SEARCH_SECONDS) -> None:
        """Take the address of the server, or of its search; raises `InvalidSetting` if it cannot be reached so."""
        where = address.origin.removesuffix(PATH)
        refusals = {
            401: f"the SearXNG at {where} wants a user and a password; write them into its address",
            403: JSON_IS_OFF.format(where=where),
        }
        self._path = "" if address.origin.endswith(PATH) else PATH
        self._service = JsonService(f"the SearXNG at {where}", address, network, refusals, within_seconds)

    async def search(self, query: Query) -> tuple[Hit, ...]:
        """Return what is found; raises `WebToolFailed`, also if none of its engines could be asked."""
        domains = DomainFilter(query.allowed_domains, query.blocked_domains)
        parameters = {"q": with_sites(checked_text(query), domains), "format": "json"}
        if language := language_of(query.location):
            parameters["language"] = f"{language}-{country_of(query.location)}"
        answer = await self._service.get(self._path, _Answer, parameters, {})
        if not answer.results and answer.unresponsive_engines:
            reasons = ", ".join(": ".join(engine) for engine in answer.unresponsive_engines)[:500]
            raise self._service.failure("unavailable", f"no engine of {self._service.title} answered ({reasons})")
        found = (Found(one.url, one.title, one.content, one.publishedDate) for one in answer.results)
        return usable_hits(found, domains)

    async def close(self) -> None:
        """Close the connections."""
        await self._service.close()
