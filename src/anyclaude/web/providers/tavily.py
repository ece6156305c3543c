"""Tavily (docs.tavily.com/documentation/api-reference/endpoint/search)."""

from msgspec import Struct

from anyclaude.network import Network, ServerAddress
from anyclaude.secret import Secret
from anyclaude.web.domains import DomainFilter
from anyclaude.web.hits import Found, usable_hits
from anyclaude.web.json_service import SEARCH_SECONDS, JsonService
from anyclaude.web.options import KEY_VARIABLES
from anyclaude.web.search import Hit, Query, checked_text

ADDRESS = ServerAddress(scheme="https", host="api.tavily.com")

RESULTS = 20
"""The most that one question can have; some of them are filtered out."""

MAX_INCLUDED = 300
MAX_EXCLUDED = 150
"""What `include_domains` and `exclude_domains` take."""


class _Question(Struct):
    query: str
    max_results: int
    include_domains: tuple[str, ...]
    exclude_domains: tuple[str, ...]


class _Result(Struct):
    url: str | None = None
    title: str | None = None
    content: str | None = None
    published_date: str | None = None


class _Answer(Struct):
    results: list[_Result] = []


class Tavily:
    """Searches with Tavily, whose excerpts are made for models."""

    name = "Tavily"

    def __init__(
        self, key: Secret, network: Network, address: ServerAddress = ADDRESS, within_seconds: float = SEARCH_SECONDS
    ) -> None:
        """Take the key; raises `InvalidSetting` if the service cannot be reached so."""
        refused = f"Tavily refuses the key. Check {KEY_VARIABLES['tavily']}"
        used_up = "the credits of the Tavily account are used up"
        refusals = {401: refused, 403: refused, 432: used_up, 433: used_up}
        self._key = key
        self._service = JsonService("Tavily", address, network, refusals, within_seconds)

    async def search(self, query: Query) -> tuple[Hit, ...]:
        """Return what is found; raises `WebToolFailed`."""
        domains = DomainFilter(query.allowed_domains, query.blocked_domains)
        question = _Question(
            query=checked_text(query),
            max_results=RESULTS,
            include_domains=domains.allowed_hosts[:MAX_INCLUDED],
            exclude_domains=domains.blocked_hosts[:MAX_EXCLUDED],
        )
        headers = {"Authorization": f"Bearer {self._key.reveal()}"}
        answer = await self._service.post("/search", _Answer, question, headers)
        found = (Found(one.url, one.title, one.content, one.published_date) for one in answer.results)
        return usable_hits(found, domains)

    async def close(self) -> None:
        """Close the connections."""
        await self._service.close()
